import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ModelWarmup_Input } from "@strainflow/proto";
import { ELEMENT_SIZES } from "@strainflow/series";
import type { ModelFolder } from "../models/model-folder.ts";
import { datatypeOf, type ModelSpec, notLoadable } from "../models/model-spec.ts";
import { Refusal } from "../refusal.ts";
import type { ControlInputs } from "../sequences/sequence-controls.ts";
import { elementCountOf } from "../tensors/datatypes.ts";
import type { ComputeThread } from "./compute-thread.ts";
import type { MovedTensor } from "./worker-messages.ts";

export interface WarmUpTarget {
  /** The model's number in its threads. */
  readonly model: number;
  readonly threads: readonly ComputeThread[];
  readonly controls: ControlInputs;
}

/** No sequence has this number. */
const NO_SEQUENCE = 0;

/**
 * Runs a configuration's `model_warmup` in every thread, before anybody is served: what a first run allocates and
 * optimises is paid for here. A sequence model runs each sample as a whole sequence.
 *
 * @throws `model-not-loadable` if a sample does not fit or fails
 */
export async function warmUp(folder: ModelFolder, spec: ModelSpec, target: WarmUpTarget): Promise<void> {
  for (const sample of spec.config.modelWarmup) {
    const what = `model_warmup '${sample.name}'`;
    const inputs: [string, MovedTensor][] = [];
    for (const [name, input] of Object.entries(sample.inputs)) {
      const lead = spec.maxBatchSize > 0 ? [Math.max(1, sample.batchSize)] : [];
      inputs.push([name, await tensorOf(folder, `${what}, input '${name}'`, name, lead, input)]);
    }
    for (let round = 0; round < Math.max(1, sample.count); round++)
      await Promise.all(target.threads.map((thread) => runOnce(thread, spec, inputs, target, what)));
  }
}

async function tensorOf(
  folder: ModelFolder,
  what: string,
  name: string,
  lead: readonly number[],
  input: ModelWarmup_Input,
): Promise<MovedTensor> {
  const datatype = datatypeOf(folder.name, what, input.dataType);
  const shape = [...lead, ...input.dims.map(Number)];
  const elements = elementCountOf(shape);
  const size = (elements ?? 0) * ELEMENT_SIZES[datatype];
  if (elements === undefined || ELEMENT_SIZES[datatype] === 0)
    throw notLoadable(folder.name, `${what}: no tensor of ${datatype} [${shape}] can be made`);
  const source = input.inputDataType;
  if (source.case !== "inputDataFile") {
    const bytes = new Uint8Array(size);
    // Small whole numbers: as floats or half floats their bytes would be anything, also no number at all.
    if (source.case === "randomData" && source.value && ELEMENT_SIZES[datatype] === 1)
      for (let at = 0; at < size; at++) bytes[at] = Math.floor(Math.random() * 2);
    if (source.case === "randomData" && source.value && datatype === "FP32")
      new Float32Array(bytes.buffer).forEach((_, at, all) => {
        all[at] = Math.random();
      });
    return { name, datatype, shape, buffer: bytes.buffer };
  }
  if (!/^[^/\\]+$/.test(source.value) || source.value === "..")
    throw notLoadable(folder.name, `${what}: '${source.value}' is not a file's name`);
  const file = join(folder.path, "warmup", source.value);
  const data = await readFile(file).catch((cause: unknown) => {
    throw notLoadable(folder.name, `${what}: ${file} cannot be read`, cause);
  });
  if (data.byteLength !== size)
    throw notLoadable(
      folder.name,
      `${what}: ${file} holds ${data.byteLength} bytes; [${shape}] takes ${size}`,
    );
  return { name, datatype, shape, buffer: Uint8Array.from(data).buffer };
}

function runOnce(
  thread: ComputeThread,
  spec: ModelSpec,
  inputs: readonly (readonly [string, MovedTensor])[],
  { model, controls }: WarmUpTarget,
  what: string,
): Promise<void> {
  const tensors = inputs.map(([, tensor]) => ({ ...tensor, buffer: tensor.buffer.slice(0) }));
  const place = { id: 1n, start: true, end: true };
  for (const control of controls.tensors(place))
    if (!tensors.some(({ name }) => name === control.name)) tensors.push(control);
  const wanted = [...spec.outputs.keys()];
  const size = spec.maxBatchSize > 0 ? (inputs[0]?.[1].shape[0] ?? 1) : 1;
  const rows = Array.from({ length: size }, () => ({ state: NO_SEQUENCE, start: true, end: true }));
  const step = {
    model,
    inputs: Object.fromEntries(tensors.map(({ name }) => [name, name])),
    outputs: Object.fromEntries(wanted.map((name) => [name, name])),
    ...(spec.config.schedulingChoice.case === "sequenceBatching" ? { rows } : {}),
  };
  return new Promise((resolve, reject) => {
    thread.run([step], tensors, wanted, (result) => {
      if (result instanceof Refusal)
        reject(notLoadable(spec.name, `${what} failed: ${result.message}`, result));
      else resolve();
    });
  });
}
