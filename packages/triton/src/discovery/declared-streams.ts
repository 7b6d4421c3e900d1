import type { ModelConfig } from "@strainflow/proto";
import type { DerivedStream } from "./derive-streams.ts";
import { fixed, strainflowParameters } from "./step-configs.ts";

/** A stream as a snapshotter of the python backend tells it. */
interface Declared {
  readonly input: string;
  /** Snapshots of its groups of channels. */
  readonly outputs: readonly string[];
}

/**
 * The streams of a snapshotter that keeps its states itself, by its parameter `strainflow.snapshots`:
 * `[{"input": "strain", "outputs": ["snapshot_0"], "stride_size": 512}, …]`. What they are made of, its tensors tell:
 * updates `[1, C, S·B]`, snapshots `[B, c, L]`, or `[B, L]` of one channel.
 *
 * @returns none where it has no such parameter, or one that its tensors belie
 */
export function declaredStreams(config: ModelConfig): readonly DerivedStream[] {
  const parameters = strainflowParameters(config);
  const declared = readDeclared(parameters.get("snapshots"));
  const streams = declared.map(({ input, outputs }): DerivedStream | undefined => {
    const update = config.input.find(({ name }) => name === input)?.dims.map(Number);
    const snapshots = outputs.map((name) =>
      config.output.find((output) => output.name === name)?.dims.map(Number),
    );
    if (update === undefined || update.length !== 3 || snapshots.length === 0) return undefined;
    let [channelCount, snapshotSize] = [0, 0];
    for (const dims of snapshots) {
      if (dims === undefined) return undefined;
      channelCount += dims.length === 3 ? (dims[1] ?? 0) : 1;
      snapshotSize = Math.max(snapshotSize, dims.at(-1) ?? 0);
    }
    if (channelCount !== update[1]) return undefined;
    return {
      input,
      channelCount,
      requestSize: fixed(update[2]),
      batchSize: fixed(snapshots[0]?.[0]),
      snapshotSize: fixed(snapshotSize),
      parameters,
    };
  });
  // One that is not understood makes the rest wrong: channels are dealt out in order.
  const known = streams.filter((stream) => stream !== undefined);
  return known.length === declared.length ? known : [];
}

function readDeclared(text: string | undefined): readonly Declared[] {
  if (text === undefined) return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  return Array.isArray(value) && value.every(isDeclared) ? value : [];
}

function isDeclared(value: unknown): value is Declared {
  if (typeof value !== "object" || value === null) return false;
  const { input, outputs }: Partial<Record<keyof Declared, unknown>> = value;
  return (
    typeof input === "string" && Array.isArray(outputs) && outputs.every((name) => typeof name === "string")
  );
}
