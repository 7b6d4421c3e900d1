import { type LaunchedServer, launch, type ServerEvent } from "@strainflow/launch";
import { addMatchedFilter, createRepository, openRepository, type Placement } from "@strainflow/repository";
import type { TemplateMasses } from "@strainflow/search";
import { isStrainflowError, StrainflowError } from "@strainflow/series";
import { connect, type TritonClient, type TritonModel } from "@strainflow/triton";
import { createTemplateBank, defaultBankMasses } from "@strainflow/waveforms";
import { createScratchFolder } from "./scratch-folder.ts";
import { serverAccess } from "./server-access.ts";
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

/** All that the built-in bank has. */
const MOST_TEMPLATES = defaultBankMasses.length;

/**
 * The shape that settings ask for.
 *
 * @param requestLength seconds of data per request, where settings do not say how many outputs
 * @throws `settings-invalid` where rates do not divide
 */
export function detectorShape(
  settings: FileSettings,
  ifos: readonly string[],
  requestLength = 1,
): DetectorShape {
  const { sampleRate = 2048, outputsPerSecond = 16, templates = MOST_TEMPLATES } = settings;
  if (sampleRate % outputsPerSecond !== 0)
    throw new StrainflowError(
      "settings-invalid",
      `--outputs-per-second (outputsPerSecond) is ${outputsPerSecond}; it must divide the rate of ${sampleRate} Hz, so that a stride is a whole number of samples`,
    );
  if (templates > MOST_TEMPLATES)
    throw new StrainflowError(
      "settings-invalid",
      `--templates (templates) is ${templates}; it must be at most ${MOST_TEMPLATES}, as many as the built-in bank has`,
    );
  const batchSize = settings.batchSize ?? outputsPerSecond * requestLength;
  return { ifos, sampleRate, outputsPerSecond, batchSize, templates };
}

/** Writes the built-in detector into a model repository, replacing what is there. */
export async function buildDetector(
  path: string,
  shape: DetectorShape,
  placement: Placement = {},
): Promise<void> {
  const { ifos, sampleRate, outputsPerSecond, batchSize, templates } = shape;
  const strideSize = sampleRate / outputsPerSecond;
  const repository = await createRepository(path);
  await addMatchedFilter(repository, {
    bank: createTemplateBank({ count: templates, sampleRate, strideSize }),
    channels: ifos,
    strideSize,
    batchSize,
    replace: true,
    ...placement,
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

export interface AttachOptions {
  readonly settings: FileSettings;
  readonly ifos: readonly string[];
  /** Seconds of data per request of the built-in detector, where settings do not say. */
  readonly requestLength: number;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** Is told of deaths and restarts of a server that was started here. */
  readonly onEvent?: (event: ServerEvent) => void;
}

/** Connects to the server that settings name, or builds the built-in detector and starts a server for it. */
export async function attachDetector(options: AttachOptions): Promise<AttachedDetector> {
  const { settings, ifos, requestLength, terminal, signal, onEvent = () => undefined } = options;
  const name = settings.model ?? DETECTOR;
  if (settings.server !== undefined) return attachRunning(settings, settings.server, name, terminal, signal);
  if (settings.repository === undefined && name !== DETECTOR)
    throw new StrainflowError(
      "settings-invalid",
      `--model is ${name}; without --server or --repository there is the built-in detector only`,
    );
  const scratch = settings.repository === undefined ? await createScratchFolder("models") : undefined;
  const repository = settings.repository ?? scratch?.path ?? "";
  let server: LaunchedServer | undefined;
  let client: TritonClient | undefined;
  const close = async (): Promise<void> => {
    client?.close();
    await server?.close();
    await scratch?.remove();
  };
  try {
    if (scratch === undefined) await checkHolds(repository, name);
    else await buildDetector(repository, detectorShape(settings, ifos, requestLength));
    signal.throwIfAborted();
    server = await launch({
      runtime: "embedded",
      repository,
      ...(settings.workers === undefined ? {} : { workers: settings.workers }),
      supervise: true,
      signal,
      onEvent,
    });
    client = await connect(server.address, { signal });
    return { ...(await attach(client, name, `embedded, gRPC ${server.address}`, close)), server };
  } catch (error) {
    await close();
    throw error;
  }
}

async function attachRunning(
  settings: FileSettings,
  address: string,
  name: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<AttachedDetector> {
  terminal.progress(`  server      connecting to ${address} …`);
  const access = await serverAccess(settings);
  const client = await connect(access.address(address), { ...access.credentials, signal }).catch(
    (error: unknown) => {
      throw access.explain(error);
    },
  );
  try {
    const detector = await attach(client, name, client.address, async () => client.close());
    const ignored = (["templates", "outputsPerSecond", "batchSize", "workers", "repository"] as const).filter(
      (setting) => settings[setting] !== undefined,
    );
    if (ignored.length > 0)
      terminal.warn(`${ignored.join(", ")}: without effect, the model is the server's own`);
    return detector;
  } catch (error) {
    client.close();
    throw access.explain(error);
  }
}

/** Whether a repository has the model, told before a server is started for it. */
async function checkHolds(path: string, name: string): Promise<void> {
  const names = await (await openRepository(path)).list();
  if (!names.includes(name))
    throw new StrainflowError(
      "no-model",
      `${path} has no model "${name}"; it has ${names.join(", ") || "none"}. Choose with --model`,
    );
}

async function attach(
  client: TritonClient,
  name: string,
  where: string,
  close: () => Promise<void>,
): Promise<AttachedDetector> {
  const unsuitable = (why: string, cause?: unknown): StrainflowError =>
    new StrainflowError(
      "model-unsuitable",
      `model "${name}" at ${where} ${why}; a search needs a matched-filter ensemble as \`strainflow model build\` makes it. Choose with --model`,
      { cause, details: { modelName: name } },
    );
  try {
    const model = await client.model(name);
    const config = await client.modelConfig(name);
    const text = config.parameters["strainflow.templates"]?.stringValue;
    if (text === undefined) throw unsuitable("says nothing of templates (parameter strainflow.templates)");
    return { model, templates: JSON.parse(text) as TemplateMasses[], client, description: where, close };
  } catch (error) {
    if (isStrainflowError(error, "streaming-spec"))
      throw unsuitable("does not say how it is streamed to", error);
    if (!isStrainflowError(error, "model-not-found")) throw error;
    throw new StrainflowError(
      "model-not-found",
      `the server at ${where} has no model "${name}"; choose one of its own with --model`,
      { cause: error, details: { modelName: name } },
    );
  }
}
