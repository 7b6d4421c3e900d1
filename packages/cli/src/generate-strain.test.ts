import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { openHdf5 } from "@strainflow/hdf5";
import { isStrainflowError, type Reader } from "@strainflow/series";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type GenerateOptions, generateStrain } from "./generate-strain.ts";
import { readInjections } from "./injections-file.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-generate-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function options(name: string, over: Partial<GenerateOptions> = {}): GenerateOptions {
  return {
    out: join(folder, name),
    ifos: ["H1", "L1"],
    sampleRate: 1024,
    start: 1_000_000_007,
    duration: 24,
    seed: "test",
    injections: { count: 2, snr: [20, 30] },
    ...over,
  };
}

async function samplesOf(files: readonly string[]): Promise<Record<string, readonly number[]>> {
  const { readers } = await openHdf5(files);
  const read = async (reader: Reader): Promise<number[]> => {
    const all: number[] = [];
    for await (const block of reader.blocks({ signal: new AbortController().signal })) {
      if (block.kind === "gap") throw new Error(`a gap at ${block.start}`);
      all.push(...block.data[0]!);
    }
    return all;
  };
  return Object.fromEntries(
    await Promise.all([...readers].map(async ([name, reader]) => [name, await read(reader)] as const)),
  );
}

describe("generated strain", () => {
  test("is the same however it is cut into files", async () => {
    const whole = await generateStrain(options("whole"));
    const cut = await generateStrain(options("cut", { fileLength: 17 }));
    expect(whole.files.map((file) => basename(file))).toEqual([
      "H-H1_SIM_1_V1-1000000007-24.hdf5",
      "L-L1_SIM_1_V1-1000000007-24.hdf5",
    ]);
    expect(cut.files).toHaveLength(4);
    expect(basename(cut.files[1]!)).toBe("H-H1_SIM_1_V1-1000000024-7.hdf5");
    expect(await samplesOf(cut.files)).toEqual(await samplesOf(whole.files));
    expect(cut.injections).toEqual(whole.injections);
  });

  test("another seed is other noise and other signals", async () => {
    const one = await generateStrain(options("one", { duration: 2, injections: 1 }));
    const other = await generateStrain(options("other", { duration: 2, injections: 1, seed: "more" }));
    const [a, b] = [await samplesOf(one.files), await samplesOf(other.files)];
    expect(a["H1"]!.slice(0, 5)).not.toEqual(b["H1"]!.slice(0, 5));
    expect(one.injections[0]!.gpsNs).not.toBe(other.injections[0]!.gpsNs);
  });

  test("signals are in the data where their list says, in each detector", async () => {
    const quiet = await generateStrain(options("quiet", { injections: 0 }));
    const loud = await generateStrain(options("loud"));
    const [noise, both] = [await samplesOf(quiet.files), await samplesOf(loud.files)];
    const list = JSON.parse(await readFile(loud.injectionsFile, "utf8")) as {
      readonly injections: readonly { readonly arrivalNs: Readonly<Record<string, string>> }[];
    };
    for (const { arrivalNs } of list.injections)
      for (const ifo of ["H1", "L1"]) {
        const signal = both[ifo]!.map((value, n) => Math.abs(value - noise[ifo]![n]!));
        const peak = Number(BigInt(arrivalNs[ifo]!) - 1_000_000_007_000_000_000n) / 1e9;
        const near = signal.slice(Math.round((peak - 0.02) * 1024), Math.round((peak + 0.02) * 1024));
        const around = signal.slice(Math.round((peak - 2) * 1024), Math.round((peak + 1) * 1024));
        expect(Math.max(...near)).toBe(Math.max(...around));
        expect(Math.max(...near)).toBeGreaterThan(1e-23);
      }
  });

  test("the list of signals reads back", async () => {
    const { injections, injectionsFile } = await generateStrain(options("listed", { duration: 8 }));
    expect(await readInjections(injectionsFile)).toEqual(
      injections.map(({ gpsNs, networkSnr, mass1, mass2 }) => ({ gpsNs, snr: networkSnr, mass1, mass2 })),
    );
    for (const wrong of [
      join(folder, "none.json"),
      join(folder, "listed", "H-H1_SIM_1_V1-1000000007-8.hdf5"),
    ])
      await expect(readInjections(wrong)).rejects.toSatisfy((error) =>
        isStrainflowError(error, "input-unreadable"),
      );
  });

  test("stopped, it leaves complete files only", async () => {
    const stop = new AbortController();
    const running = generateStrain(
      options("stopped", {
        fileLength: 8,
        signal: stop.signal,
        onProgress: ({ doneSeconds }) => doneSeconds >= 12 && stop.abort(),
      }),
    );
    await expect(running).rejects.toSatisfy((error) => isStrainflowError(error, "aborted"));
    expect((await readdir(join(folder, "stopped"))).toSorted()).toEqual([
      "H-H1_SIM_1_V1-1000000007-8.hdf5",
      "L-L1_SIM_1_V1-1000000007-8.hdf5",
      "injections.json",
    ]);
  });

  test.each([
    ["start", { start: 1.5 }],
    ["duration", { duration: 0 }],
    ["psd", { psd: "no-such" }],
    ["psd", { psd: { H1: "kagra" } }],
  ] as const)("%s that cannot be used is refused before anything is written", async (option, over) => {
    await expect(generateStrain(options("refused", over))).rejects.toThrow(new RegExp(`generate: ${option}`));
    expect(await readdir(folder)).not.toContain("refused");
  });
});
