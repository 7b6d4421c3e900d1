import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { directLayout, readDirectly } from "./direct-read.ts";
import { fletcher32 } from "./filters.ts";
import { borrowInstance, returnInstance } from "./instance.ts";
import { closeFile, type OpenFile, openFile } from "./open-file.ts";

const python = process.env["STRAINFLOW_PYTHON"] ?? "python3";
const hasH5py = (() => {
  try {
    execFileSync(python, ["-c", "import h5py"], { stdio: "ignore" });
    return true;
  } catch {
    return process.env["STRAINFLOW_REQUIRE"] === "all";
  }
})();

const folder = mkdtempSync(join(tmpdir(), "strainflow-direct-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SIZE = 5000;
/** Every way of storing a series that has a direct way to it, and some that have none. */
const DATASETS = `
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "w") as f:
    for dtype in ("f4", "f8"):
        data = np.random.default_rng(3).normal(0, 1e-21, ${SIZE}).astype(dtype)
        put = lambda name, **how: f.create_dataset(f"{dtype}/direct/{name}", data=data, **how)
        put("contiguous")
        put("chunked", chunks=(512,))
        put("gzip", chunks=(512,), compression="gzip")
        put("gzip-shuffle", chunks=(512,), compression="gzip", shuffle=True)
        put("all", chunks=(1000,), compression="gzip", shuffle=True, fletcher32=True)
        put("fletcher32", chunks=(333,), fletcher32=True)
        put("one-chunk", chunks=(${SIZE},), compression="gzip", compression_opts=9)
        put("extensible", chunks=(512,), maxshape=(None,))
        f.create_dataset(f"{dtype}/library/lzf", data=data, compression="lzf")
        f.create_dataset(f"{dtype}/library/scaled", data=data, chunks=(512,), scaleoffset=9)
        sparse = f.create_dataset(f"{dtype}/sparse", (${SIZE},), dtype, chunks=(512,))
        sparse[600:900] = data[600:900]
`;
const DIRECT = [
  "contiguous",
  "chunked",
  "gzip",
  "gzip-shuffle",
  "all",
  "fletcher32",
  "one-chunk",
  "extensible",
];

async function within<T>(path: string, work: (open: OpenFile) => T): Promise<T> {
  const instance = await borrowInstance();
  const open = openFile(path, instance);
  try {
    return work(open);
  } finally {
    closeFile(open);
    returnInstance(instance);
  }
}

const byLibrary = ({ instance, file }: OpenFile, dataset: string, from: number, count: number): unknown =>
  new instance.h5.Dataset(file.file_id, dataset).slice([[from, from + count]]);

function direct(open: OpenFile, dataset: string, from: number, count: number): unknown {
  const layout = directLayout(open, dataset);
  return layout === undefined ? undefined : readDirectly(open, layout, from, count);
}

describe.skipIf(!hasH5py)(
  "reading past the library (needs python3 with h5py; STRAINFLOW_PYTHON names another python)",
  () => {
    const path = join(folder, "many.h5");
    const make = (): void => void execFileSync(python, ["-c", DATASETS, path]);

    it("gives the library's samples, of any stretch and however they are stored", async () => {
      make();
      await within(path, (open) => {
        for (const dtype of ["f4", "f8"])
          for (const name of DIRECT) {
            const dataset = `${dtype}/direct/${name}`;
            expect(direct(open, dataset, 0, SIZE), dataset).toEqual(byLibrary(open, dataset, 0, SIZE));
            fc.assert(
              fc.property(fc.nat(SIZE - 1), fc.nat(SIZE - 1), (a, b) => {
                const from = Math.min(a, b);
                const count = Math.abs(a - b) + 1;
                expect(direct(open, dataset, from, count)).toEqual(byLibrary(open, dataset, from, count));
              }),
              { numRuns: 20 },
            );
          }
      });
    });

    it("leaves to the library what is stored in another way, or not there", async () => {
      await within(path, (open) => {
        for (const dtype of ["f4", "f8"]) {
          expect(directLayout(open, `${dtype}/library/lzf`)).toBeUndefined();
          expect(directLayout(open, `${dtype}/library/scaled`)).toBeUndefined();
          expect(direct(open, `${dtype}/sparse`, 600, 100)).toBeDefined();
          expect(direct(open, `${dtype}/sparse`, 0, SIZE)).toBeUndefined();
        }
      });
    });

    it("gives no other samples of a file that is damaged, wherever a filter would notice", async () => {
      const whole = readFileSync(path);
      const broken = join(folder, "broken.h5");
      const places = await within(path, (open) =>
        ["f8/direct/all", "f4/direct/fletcher32", "f8/direct/gzip"].flatMap((dataset) => {
          const entries = [...(directLayout(open, dataset)?.chunks.values() ?? [])];
          return entries.map(({ position, storedSize, first }) => ({ dataset, position, storedSize, first }));
        }),
      );
      expect(places.length).toBeGreaterThan(20);
      for (const [i, { dataset, position, storedSize, first }] of places.entries()) {
        if (i % 4 !== 0) continue;
        const bytes = Buffer.from(whole);
        const at = position + Math.floor(storedSize / 2) + (i % 7);
        bytes[at] = (bytes[at] ?? 0) ^ 0x10;
        writeFileSync(broken, bytes);
        await within(broken, (open) => {
          expect(direct(open, dataset, first, 1), `${dataset} ${first}`).toBeUndefined();
          expect(() => byLibrary(open, dataset, first, 1)).toThrow();
        });
      }
    });
  },
);

describe("fletcher32", () => {
  it("is the textbook's of two sums modulo 65535", () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 3000 });
    fc.assert(
      fc.property(bytes, (data) => {
        const words = Array.from(
          { length: Math.ceil(data.length / 2) },
          (_, i) => ((data[2 * i] ?? 0) << 8) | (data[2 * i + 1] ?? 0),
        );
        let sum = 0n;
        let sums = 0n;
        for (const word of words) {
          sum += BigInt(word);
          sums += sum;
        }
        const reduced = (x: bigint): bigint => (x > 0n && x % 65535n === 0n ? 65535n : x % 65535n);
        expect(fletcher32(data)).toBe(Number((reduced(sums) << 16n) | reduced(sum)));
      }),
    );
  });
});
