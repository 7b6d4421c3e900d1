// What the examples need that your own programs have: a folder, and somebody who sends.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addMatchedFilter, createRepository } from "@strainflow/repository";
import { endOf, type StreamingModel } from "@strainflow/series";
import { createServer } from "@strainflow/server";
import {
  advancedLigoDesign,
  createTemplateBank,
  drawInjections,
  simulateStrain,
} from "@strainflow/waveforms";
import { createSender, replayPaced } from "@strainflow/zeromq";

export const START = 1_000_000_000;

/** A folder that is gone when the program is done. */
export async function scratchFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "strainflow-example-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Simulated strain of H1 and L1 with a few mergers in it, one reader per detector. */
export function simulated(seconds: number): ReturnType<typeof simulateStrain>[] {
  const ifos = ["H1", "L1"];
  const injections = drawInjections({
    seed: 3,
    count: Math.max(1, Math.floor(seconds / 24)),
    start: START + 14,
    end: START + seconds - 4,
    ifos,
    psd: advancedLigoDesign,
  });
  return ifos.map((ifo) =>
    simulateStrain({
      ifos: [ifo],
      sampleRate: 4096,
      start: START,
      end: START + seconds,
      psd: advancedLigoDesign,
      seed: 3,
      injections,
    }),
  );
}

/** The reference detector, on a server in this process. */
export async function serveMatchedFilter(
  ifos: readonly string[],
): Promise<{ readonly model: StreamingModel; readonly templates: number } & AsyncDisposable> {
  const folder = await scratchFolder();
  const bank = createTemplateBank({ count: 16 });
  const repository = await createRepository(folder.path);
  await addMatchedFilter(repository, { bank, channels: ifos, strideSize: 128, batchSize: 16 });
  const server = await createServer({ repository: folder.path });
  return {
    model: server.inProcess("matched-filter-stream"),
    templates: bank.templates.length,
    async [Symbol.asyncDispose]() {
      await server.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** A sender of simulated strain, as a site would be one. */
export async function sendSimulated(options: {
  readonly seconds: number;
  readonly speed: number;
}): Promise<{ readonly endpoint: string } & AsyncDisposable> {
  const abort = new AbortController();
  const { signal } = abort;
  const sender = await createSender({ endpoint: "tcp://127.0.0.1:0", pattern: "pub" });
  const play = async (): Promise<void> => {
    await sender.waitForSubscribers(1);
    await Promise.all(
      simulated(options.seconds).map(async (reader) => {
        const streamEnd = reader.end ?? endOf({ start: reader.start, size: 1 });
        for await (const block of replayPaced(reader, { speed: options.speed, signal }))
          await sender.send(block, { streamEnd });
      }),
    );
    await sender.end();
  };
  const done = play().catch((error: unknown) => {
    if (!signal.aborted) console.error(error);
  });
  return {
    endpoint: sender.endpoint,
    async [Symbol.asyncDispose]() {
      abort.abort();
      await done;
      await sender.close();
    },
  };
}
