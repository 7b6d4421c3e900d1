import type { Block, InferenceBlock } from "@strainflow/series";
import {
  EMPTY,
  firstValueFrom,
  from,
  map,
  NEVER,
  type Observable,
  type OperatorFunction,
  of,
  Subject,
  take,
  throwError,
  toArray,
} from "rxjs";
import { describe, expect, it } from "vitest";
import { align } from "./align.ts";
import { cluster } from "./cluster.ts";
import { highpass } from "./highpass.ts";
import { inferSequence } from "./infer-sequence.ts";
import { integrate } from "./integrate.ts";
import { measure } from "./measure.ts";
import { overWhiten } from "./over-whiten.ts";
import { perChannel } from "./per-channel.ts";
import { reassemble } from "./reassemble.ts";
import { resample } from "./resample.ts";
import { slidingWindow } from "./sliding-window.ts";
import { createFakeModel } from "./testing/fake-model.ts";
import { whiten } from "./whiten.ts";
import { whitenMinimumPhase } from "./whiten-minimum-phase.ts";

const SECONDS = 8;

function strain(index: number, sampleRate = 256): Block<"strain"> {
  return {
    kind: "series",
    quantity: "strain",
    start: index * sampleRate,
    size: sampleRate,
    sampleRate,
    channels: ["H1"],
    data: [
      Float64Array.from({ length: sampleRate }, (_, i) => Math.sin(i * 1.7 + index * i) + ((i * 7919) % 13)),
    ],
  };
}
const scores = (index: number): Block<"score"> => ({
  ...strain(index, 16),
  quantity: "score",
  channels: ["score"],
});
const slow = (index: number): Block => strain(index, 16);

interface Case {
  /** An operator, and blocks that it takes, as one observable of what comes out. */
  readonly run: (source: Observable<number>) => Observable<object>;
}

function caseOf<I, O extends object>(
  make: (index: number) => I,
  operator: () => OperatorFunction<I, O>,
): Case {
  return {
    run: (seconds) =>
      seconds.pipe(
        map((index) => make(index)),
        operator(),
      ),
  };
}

const conditioning = { psdLength: 2, fftLength: 0.5, filterLength: 0.5, highpass: 20 };
const cases: Readonly<Record<string, Case>> = {
  resample: caseOf(strain, () => resample({ sampleRate: 128 })),
  highpass: caseOf(strain, () => highpass({ corner: 10 })),
  whiten: caseOf(strain, () => whiten(conditioning)),
  whitenMinimumPhase: caseOf(strain, () => whitenMinimumPhase(conditioning)),
  overWhiten: caseOf(strain, () => overWhiten(conditioning)),
  align: caseOf(strain, () => align({ ifos: ["H1"] })),
  perChannel: caseOf(strain, () => perChannel(() => resample({ sampleRate: 128 }))),
  slidingWindow: caseOf(strain, () => slidingWindow({ windowSize: 64, strideSize: 32 })),
  integrate: caseOf(scores, () => integrate({ integrationLength: 0.5 })),
  cluster: caseOf(scores, () => cluster({ clusterLength: 1 })),
  measure: caseOf(strain, () => measure("here", { report: () => undefined })),
  reassemble: caseOf(
    (index): InferenceBlock => ({
      kind: "inference",
      start: index * 16,
      size: 16,
      sampleRate: 16,
      channels: ["H1"],
      outputs: { score: { datatype: "FP32", shape: [16, 1], data: new Float32Array(16).fill(index) } },
    }),
    () => reassemble(),
  ),
  inferSequence: caseOf(slow, () =>
    inferSequence(createFakeModel({ strideSize: 4, batchSize: 2, memory: 8 })),
  ),
};

const many = (): Observable<number> => from(Array.from({ length: SECONDS }, (_, i) => i));
const collect = (source: Observable<object>): Promise<object[]> => firstValueFrom(source.pipe(toArray()));

describe.each(Object.entries(cases))("%s", (_name, { run }) => {
  it("completes an empty stream without a word", async () => {
    expect(await collect(run(EMPTY))).toEqual([]);
  });

  it("stays open while its source does", async () => {
    let ended = false;
    const subscription = run(NEVER).subscribe({ complete: () => (ended = true) });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(ended).toBe(false);
    subscription.unsubscribe();
  });

  it("takes one block, and many", async () => {
    await collect(run(of(0)));
    expect((await collect(run(many()))).length).toBeGreaterThan(0);
  });

  it("passes an error on, and gives nothing after it", async () => {
    const seen: string[] = [];
    const failing = new Subject<number>();
    run(failing).subscribe({
      next: () => seen.push("next"),
      error: (error: Error) => seen.push(error.message),
      complete: () => seen.push("complete"),
    });
    failing.next(0);
    failing.error(new Error("disk gone"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(seen.at(-1)).toBe("disk gone");
    expect(seen.filter((what) => what !== "next")).toEqual(["disk gone"]);
    await expect(collect(run(throwError(() => new Error("at once"))))).rejects.toThrow("at once");
  });

  it("leaves its source when unsubscribed, also of an endless one", async () => {
    const endless = new Subject<number>();
    let outputs = 0;
    const subscription = run(endless).subscribe(() => outputs++);
    for (let i = 0; i < SECONDS; i++) endless.next(i);
    subscription.unsubscribe();
    expect(endless.observed).toBe(false);
    const before = outputs;
    endless.next(SECONDS);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(outputs).toBe(before);
    const first = await firstValueFrom(run(many()).pipe(take(1), toArray()));
    expect(first).toHaveLength(1);
  });

  it("begins anew for every subscriber", async () => {
    const twice = run(many());
    expect((await collect(twice)).length).toBe((await collect(twice)).length);
  });
});

describe("align with a rate", () => {
  it("brings detectors of different rates together", async () => {
    const l1 = (index: number): Block<"strain"> => ({ ...strain(index, 512), channels: ["L1"] });
    const blocks = Array.from({ length: 4 }, (_, i) => [strain(i), l1(i)]).flat();
    const out = await firstValueFrom(
      from(blocks).pipe(align({ ifos: ["H1", "L1"], sampleRate: 128 }), toArray()),
    );
    const values = out.filter((block) => block.kind === "series");
    expect(values.length).toBeGreaterThan(0);
    for (const block of values) {
      expect(block.sampleRate).toBe(128);
      expect(block.data).toHaveLength(2);
    }
    expect(out.reduce((sum, block) => sum + block.size, 0)).toBe(4 * 128);
  });
});
