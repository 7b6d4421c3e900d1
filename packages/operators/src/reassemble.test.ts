import { type Block, type InferenceBlock, isStrainflowError, type Tensor } from "@strainflow/series";
import { firstValueFrom, from, toArray } from "rxjs";
import { describe, expect, it } from "vitest";
import { integrate } from "./integrate.ts";
import { reassemble } from "./reassemble.ts";

const place = { sampleRate: 4, channels: ["H1", "L1"] } as const;

function outputs(start: number, shape: readonly number[], name = "score"): InferenceBlock {
  const size = shape.reduce((a, b) => a * b, 1);
  const data = Float32Array.from({ length: size }, (_, i) => 10 * start + i);
  const tensor: Tensor = { datatype: "FP32", shape, data };
  return { kind: "inference", start, size: shape[0]!, ...place, outputs: { [name]: tensor } };
}

const gap = (start: number, size: number): InferenceBlock => ({
  kind: "gap",
  quantity: "inference",
  start,
  size,
  ...place,
  reason: "warm-up",
});

const run = (blocks: readonly InferenceBlock[], options = {}): Promise<Block<"score">[]> =>
  firstValueFrom(from(blocks).pipe(reassemble(options), toArray()));

const spell = (blocks: readonly Block[]): string[] =>
  blocks.map((b) =>
    b.kind === "gap"
      ? `${b.channels.join()} ${b.start}+${b.size} ${b.reason}`
      : b.data.map((d, c) => `${b.channels[c]} ${b.start}: ${d.join(" ")}`).join(", "),
  );

describe("reassemble", () => {
  it("makes one series of outputs [size] and [size, 1]", async () => {
    expect(spell(await run([outputs(7, [2]), outputs(9, [3, 1])]))).toEqual([
      "score 7: 70 71",
      "score 9: 90 91 92",
    ]);
  });

  it("gives gaps the channels of the series, also those before the first output", async () => {
    expect(spell(await run([gap(5, 2), outputs(7, [2, 1]), gap(9, 1)], { output: "score" }))).toEqual([
      "score 5+2 warm-up",
      "score 7: 70 71",
      "score 9+1 warm-up",
    ]);
    expect(
      spell(await run([gap(5, 2), outputs(7, [2, 2], "y"), gap(9, 1)], { output: "y", width: 2 })),
    ).toEqual(["y/0,y/1 5+2 warm-up", "y/0 7: 70 72, y/1 7: 71 73", "y/0,y/1 9+1 warm-up"]);
  });

  it("feeds what comes behind it, from a warm-up of two detectors on", async () => {
    const integrated = await firstValueFrom(
      from([gap(5, 2), outputs(7, [4, 1]), gap(11, 1)]).pipe(
        reassemble(),
        integrate({ integrationLength: 0.25 }),
        toArray(),
      ),
    );
    const values = integrated.flatMap((b) => (b.kind === "series" ? [...b.data[0]!] : []));
    expect(values).toEqual([70.5, 71.5, 72.5]);
  });

  it("names what is not there, and the option that cannot be used", async () => {
    const two: InferenceBlock = {
      kind: "inference",
      start: 7,
      size: 2,
      ...place,
      outputs: {
        a: { datatype: "FP32", shape: [2], data: new Float32Array(2) },
        b: { datatype: "INT32", shape: [2], data: new Int32Array(2) },
      },
    };
    for (const options of [{}, { output: "c" }, { output: "b" }])
      await expect(run([two], options)).rejects.toSatisfy((e) => isStrainflowError(e, "unknown-output"));
    expect(() => reassemble({ width: 0 })).toThrow(/width is 0/);
  });
});
