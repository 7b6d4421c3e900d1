import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch } from "@strainflow/launch";
import { inferSequence, type Recovery, reassemble } from "@strainflow/operators";
import type { Block, StreamingModel } from "@strainflow/series";
import { connect } from "@strainflow/triton";
import { createRandom } from "@strainflow/waveforms";
import { asyncScheduler, firstValueFrom, map as mapTo, observeOn, range, tap, toArray } from "rxjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { averaging, writeAveragingEnsemble } from "./support/averaging-ensemble.ts";

/** How many kills; a hundred or more make a soak. */
const KILLS = Number(process.env["STRAINFLOW_KILLS"] ?? 20);
const SECONDS = 40 * KILLS;
const IN_FLIGHT = 6;

/** One second of noise, the same at every call. */
function second(index: number): Block {
  const { sampleRate, channels } = averaging;
  const random = createRandom("recovery", index);
  return {
    kind: "series",
    quantity: "whitened",
    start: (1_000_000_000 + index) * sampleRate,
    size: sampleRate,
    sampleRate,
    channels,
    data: channels.map(() => {
      const data = new Float64Array(sampleRate);
      random.fillGaussian(data);
      return data;
    }),
  };
}

describe.each(["grpc-js", "http2"] as const)(
  "a server killed while a stream runs through it over %s",
  (transport) => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "strainflow-kills-"));
      await writeAveragingEnsemble(folder);
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    /** All output blocks of the stream, and what recovering took. `onOutput` is called with the outputs so far. */
    async function run(
      model: StreamingModel,
      onOutput: (samples: number) => void = () => undefined,
    ): Promise<{ out: Block[]; recoveries: Recovery[] }> {
      const recoveries: Recovery[] = [];
      let samples = 0;
      const out = await firstValueFrom(
        range(0, SECONDS).pipe(
          observeOn(asyncScheduler),
          mapTo(second),
          inferSequence(model, { maxInFlight: IN_FLIGHT, onRecovery: (r) => recoveries.push(r) }),
          reassemble(),
          tap((block) => {
            samples += block.size;
            onOutput(samples);
          }),
          toArray(),
        ),
      );
      return { out, recoveries };
    }

    it(`gives byte-identical output after ${KILLS} kills, and sends again no more than memory and requests in flight`, {
      timeout: 60_000 + KILLS * 10_000,
    }, async () => {
      const server = await launch({
        runtime: "embedded",
        repository: folder,
        supervise: { maxRestarts: 10 * KILLS, firstPauseMs: 10, longestPauseMs: 50 },
      });
      const client = await connect(server.address, { transport });
      try {
        const model = await client.model("denoise");
        const undisturbed = await run(model);
        const random = createRandom("kills", 1);
        const total = SECONDS * averaging.sampleRate;
        const points = Array.from(
          { length: KILLS },
          (_, i) => ((i + 0.1 + 0.8 * random.uniform()) / KILLS) * total,
        );
        let kills = 0;
        const disturbed = await run(model, (samples) => {
          if (samples > (points[kills] ?? Number.POSITIVE_INFINITY)) {
            kills++;
            process.kill(server.pid, "SIGKILL");
          }
        });
        expect(kills).toBe(KILLS);
        expect(disturbed.recoveries).toHaveLength(KILLS);
        expect(bytesOf(disturbed.out)).toEqual(bytesOf(undisturbed.out));
        const { strideSize, batchSize } = averaging;
        const memory = Math.ceil(model.streaming.memory / (strideSize * batchSize));
        for (const { updatesSentAgain } of disturbed.recoveries)
          expect(updatesSentAgain).toBeLessThanOrEqual(memory + IN_FLIGHT);
      } finally {
        client.close();
        await server.close();
      }
    });
  },
);

/** Values and gaps in one line of bytes, whatever the cutting. */
function bytesOf(blocks: readonly Block[]): Buffer {
  return Buffer.concat(
    blocks.flatMap((block) =>
      block.kind === "gap"
        ? [Buffer.from(`${block.reason} `.repeat(block.size))]
        : block.data.map((data) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
    ),
  );
}
