import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LaunchedServer, launch, type ServerEvent } from "@strainflow/launch";
import { addMatchedFilter, createRepository } from "@strainflow/repository";
import type { TemplateMasses } from "@strainflow/search";
import { StrainflowError } from "@strainflow/series";
import { connect, type TritonClient, type TritonModel } from "@strainflow/triton";
import { createTemplateBank } from "@strainflow/waveforms";
import type { FileSettings } from "./settings-file.ts";
import type { Terminal } from "./terminal.ts";

/** The name under which the built-in detector is served. */
export const DETECTOR = "matched-filter-stream";

/** The built-in detector's shape. */
export interface DetectorShape {
  readonly ifos: readonly string[];
  readonly sampleRate: number;
  readonly outputsPerSecond: number;
  readonly batchSize: number;
  readonly templates: number;
}

/** The shape that settings ask for. @throws `invalid-option` where rates do not divide */
export function detectorShape(settings: FileSettings, ifos: readonly string[]): DetectorShape {
  const sampleRate = settings.sampleRate ?? 2048;
  const outputsPerSecond = settings.outputsPerSecond ?? 16;
  if (sampleRate % outputsPerSecond !== 0)
    throw new StrainflowError(
      "settings-invalid",
      `outputsPerSecond is ${outputsPerSecond}; it must divide the rate of ${sampleRate} Hz, so that a stride is a whole number of samples`,
    );
  return {
    ifos,
    sampleRate,
    outputsPerSecond,
    batchSize: settings.batchSize ?? outputsPerSecond,
    templates: settings.templates ?? 32,
  };
}

/** Writes the built-in detector into a model repository, replacing what is there. */
export async function buildDetector(path: string, shape: DetectorShape): Promise<void> {
  const { ifos, sampleRate, outputsPerSecond, batchSize, templates } = shape;
  const strideSize = sampleRate / outputsPerSecond;
  const repository = await createRepository(path);
  await addMatchedFilter(repository, {
    bank: createTemplateBank({ count: templates, sampleRate, strideSize }),
    channels: ifos,
    strideSize,
    batchSize,
    replace: true,
  });
}

/** A detector to stream to, and the server behind it. */
export interface AttachedDetector {
  readonly model: TritonModel;
  readonly templates: readonly TemplateMasses[];
  readonly client: TritonClient;
  /** Present where the server was started here. */
  readonly server?: LaunchedServer;
  readonly description: string;
  close(): Promise<void>;
}

/** Connects to the server that settings name, or builds the built-in detector and starts a server for it. */
export async function attachDetector(
  settings: FileSettings,
  ifos: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<AttachedDetector> {
  const name = settings.model ?? DETECTOR;
  if (settings.server !== undefined) {
    const client = await connect(settings.server, { signal });
    try {
      return await attach(client, name, settings.server, async () => client.close());
    } catch (error) {
      client.close();
      throw error;
    }
  }
  let repository = settings.repository;
  let scratch: string | undefined;
  if (repository === undefined) {
    scratch = await mkdtemp(join(tmpdir(), "strainflow-models-"));
    repository = scratch;
    await buildDetector(repository, detectorShape(settings, ifos));
  }
  let server: LaunchedServer | undefined;
  let client: TritonClient | undefined;
  const close = async (): Promise<void> => {
    client?.close();
    await server?.close();
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  };
  try {
    server = await launch({
      runtime: "embedded",
      repository,
      ...(settings.workers === undefined ? {} : { workers: settings.workers }),
      supervise: true,
      signal,
      onEvent(event) {
        const text = describeEvent(event);
        if (text !== undefined) terminal.warn(text);
      },
    });
    client = await connect(server.address, { signal });
    return { ...(await attach(client, name, `embedded, gRPC ${server.address}`, close)), server };
  } catch (error) {
    await close();
    throw error;
  }
}

async function attach(
  client: TritonClient,
  name: string,
  where: string,
  close: () => Promise<void>,
): Promise<AttachedDetector> {
  const model = await client.model(name);
  const config = await client.modelConfig(name);
  const text = config.parameters["strainflow.templates"]?.stringValue;
  if (text === undefined)
    throw new StrainflowError(
      "model-unsuitable",
      `model "${name}" at ${where} says nothing of templates (parameter strainflow.templates); ` +
        "replay needs a matched-filter ensemble as `strainflow model build` makes it",
      { details: { modelName: name } },
    );
  return { model, templates: JSON.parse(text) as TemplateMasses[], client, description: where, close };
}

/** A line for a fault of the server, or nothing where all is as it should be. */
function describeEvent(event: ServerEvent): string | undefined {
  switch (event.kind) {
    case "died":
      return `server died (${event.message})`;
    case "restarting":
      return `server is started again, attempt ${event.attempt}`;
    case "given-up":
      return `server cannot be kept alive: ${event.error.message}`;
    case "ready":
      return event.restarts > 0 ? `server is back (process ${event.pid})` : undefined;
  }
}
