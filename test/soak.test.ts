import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { averaging, writeAveragingEnsemble } from "./support/averaging-ensemble.ts";

/** `npm run test:soak` asks for 600 s, which the promise is made for. */
const SECONDS = Number(process.env["STRAINFLOW_SOAK_SECONDS"] ?? 15);
const LONG = SECONDS >= 300;
/** Bytes of resident memory per answer, over a long run: 1 MB per million. */
const MOST_PER_ANSWER = 1;
/**
 * Over a short run a server still finds its size: tens of MB between its first half and its end, of the gigabyte that passes
 * through. This finds what keeps all of it.
 */
const MOST_GROWTH = 192 * 2 ** 20;

const support = (name: string): string => join(import.meta.dirname, "support", name);
const childEntry = createRequire(import.meta.resolve("@strainflow/launch")).resolve(
  "@strainflow/server/child",
);

interface Sample {
  /** Answers until then. */
  readonly answers: number;
  readonly rss: number;
  readonly files: number;
  readonly threads: number;
  readonly handles: number;
}

type Message =
  | { readonly type: "ready"; readonly grpc: string; readonly http: string }
  | { readonly type: "failed"; readonly message: string }
  | ({ readonly type: "sample" } & Omit<Sample, "answers">)
  | { readonly type: "counts"; readonly streamed: number; readonly grpc: number; readonly http: number };

/** A program with a way for messages, which ends with this one; what it writes to stderr is kept. */
function start(args: readonly string[]): { readonly child: ChildProcess; readonly said: () => string } {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-2000);
  });
  return { child, said: () => said };
}

/** What a server says when it is ready. */
function readyOf(
  child: ChildProcess,
  said: () => string,
): Promise<Extract<Message, { readonly type: "ready" }>> {
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${said()}`)));
    child.on("message", (message: Message) => {
      if (message.type === "ready") resolve(message);
      if (message.type === "failed") reject(new Error(message.message));
    });
  });
}

describe.skipIf(!existsSync("/proc/self/fd"))(
  `an embedded server at full speed for ${SECONDS} s (needs /proc)`,
  () => {
    let folder: string;
    let server: ChildProcess | undefined;
    const samples: Sample[] = [];
    let counts = { streamed: 0, grpc: 0, http: 0 };
    let failure = "";

    beforeAll(
      async () => {
        folder = await mkdtemp(join(tmpdir(), "strainflow-soak-"));
        await writeAveragingEnsemble(folder, averaging, { scheduling: "oldest" });
        const sampler = pathToFileURL(support("soak-server.mjs")).href;
        const options = JSON.stringify({ repository: folder, metricsPort: false });
        const flags = ["--single-threaded-gc", "--max-semi-space-size=4", "--import", sampler];
        const started = start([...flags, childEntry, options]);
        server = started.child;
        const ready = await readyOf(server, started.said);
        server.on("message", (message: Message) => {
          if (message.type !== "sample") return;
          const { rss, files, threads, handles } = message;
          const answers = counts.streamed + counts.grpc + counts.http;
          samples.push({ answers, rss, files, threads, handles });
        });
        const { sampleRate: _, channels, ...shape } = averaging;
        const { grpc, http } = ready;
        const asked = { grpc, http, seconds: SECONDS, shape: { ...shape, channels: channels.length } };
        const load = start([support("soak-load.mjs"), JSON.stringify(asked)]);
        load.child.on("message", (message: Message) => {
          if (message.type === "counts") counts = message;
        });
        const [code] = (await once(load.child, "close")) as [number | null];
        if (code !== 0) failure = `the load ended with ${code}: ${load.said()}`;
        console.log(told(samples, counts));
      },
      SECONDS * 1000 + 60_000,
    );
    afterAll(async () => {
      if (server !== undefined && server.exitCode === null) {
        const gone = once(server, "exit");
        server.kill("SIGTERM");
        await gone;
      }
      await rm(folder, { recursive: true, force: true });
    });

    it("answers every request, with the right values", () => {
      expect(failure).toBe("");
      expect(server?.exitCode).toBeNull();
      for (const count of [counts.streamed, counts.grpc, counts.http]) expect(count).toBeGreaterThan(100);
      expect(samples.length).toBeGreaterThan(SECONDS / 2);
    });

    it("holds no more memory at the end than early on", () => {
      if (LONG) expect(slope(floors(settled(samples)))).toBeLessThan(MOST_PER_ANSWER);
      else expect(growth(samples)).toBeLessThan(MOST_GROWTH);
    });

    it("holds as many files, threads and handles", () => {
      const [early, late] = halves(settled(samples));
      for (const key of ["files", "threads", "handles"] as const)
        expect(Math.max(...late.map((sample) => sample[key])), key).toBeLessThanOrEqual(
          Math.max(...early.map((sample) => sample[key])),
        );
    });
  },
);

/** Without the first third, in which code is compiled and pools are filled. */
function settled(samples: readonly Sample[]): readonly Sample[] {
  return samples.slice(Math.ceil(samples.length / 3));
}

/** Samples between two collections of a heap's old objects, at any rate: they come every half minute or so. */
const FLOOR_SAMPLES = 30;

/**
 * The least that was held in each half minute. Between its collections a heap grows by ten MB, whatever it keeps, and how
 * often it does so in ten minutes is chance; what is kept raises the least as much as the most.
 */
function floors(samples: readonly Sample[]): readonly Sample[] {
  const windows = Math.max(2, Math.floor(samples.length / FLOOR_SAMPLES));
  const size = Math.ceil(samples.length / windows);
  return Array.from({ length: windows }, (_, i) => samples.slice(i * size, (i + 1) * size)).flatMap(
    (window) => {
      const [first, ...others] = window;
      return first === undefined
        ? []
        : [others.reduce((least, one) => (one.rss < least.rss ? one : least), first)];
    },
  );
}

function halves(samples: readonly Sample[]): readonly [readonly Sample[], readonly Sample[]] {
  const middle = samples.length >> 1;
  return [samples.slice(0, middle), samples.slice(middle)];
}

/** Bytes per answer: the median of the slopes between any two samples (Theil and Sen). */
function slope(samples: readonly Sample[]): number {
  const slopes = samples.flatMap((a, i) =>
    samples.slice(i + 1).flatMap((b) => {
      const apart = b.answers - a.answers;
      return apart > 0 ? [(b.rss - a.rss) / apart] : [];
    }),
  );
  return median(slopes);
}

/** Bytes between what was usual in the second quarter and what was in the last. */
function growth(samples: readonly Sample[]): number {
  const [early, late] = halves(samples).map((half) => halves(half)[1].map(({ rss }) => rss));
  return median(late ?? []) - median(early ?? []);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function told(
  samples: readonly Sample[],
  counts: Readonly<Record<"streamed" | "grpc" | "http", number>>,
): string {
  const last = samples.at(-1);
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  return (
    `${counts.streamed} updates, ${counts.grpc} requests by gRPC, ${counts.http} by HTTP; ` +
    `${slope(floors(settled(samples))).toFixed(2)} MB per million answers; grew by ${megabytes(growth(samples))} MB to ` +
    `${megabytes(last?.rss ?? 0)} MB; ${last?.files} files, ${last?.threads} threads, ${last?.handles} handles`
  );
}
