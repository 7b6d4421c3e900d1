import { readFile } from "node:fs/promises";
import { ELEMENT_SIZES } from "@strainflow/series";
import { InferenceSession, listSupportedBackends, type Tensor } from "onnxruntime-node";
import { putStates } from "../sequences/put-states.ts";
import { joinRows, rowOf, splitRows } from "../sequences/state-rows.ts";
import { type Bf16Edges, isBf16Refusal, narrow, widen, withoutBf16Edges } from "./bf16-edges.ts";
import { type ComputeModel, cloneTensor, datatypeOfOrt, fromOrt, toOrt } from "./compute-model.ts";
import type {
  GraphTensor,
  LoadSpec,
  MovedTensor,
  ProviderSpec,
  StateRow,
  StateSpec,
  StepRun,
} from "./worker-messages.ts";

/** Loads an ONNX file. Graph and states are checked against each other by the loader, which knows the configuration. */
export async function loadOnnxModel(spec: LoadSpec): Promise<ComputeModel> {
  const options: InferenceSession.SessionOptions = {
    intraOpNumThreads: spec.intraOpThreads,
    interOpNumThreads: spec.interOpThreads,
    graphOptimizationLevel: spec.optimizationLevel,
    executionMode: spec.interOpThreads > 1 ? "parallel" : "sequential",
    logSeverityLevel: 3,
    ...executionProviders(spec.providers ?? []),
    // Threads that spin between runs burn the very cores that other models and the event loop need.
    extra: { session: { intra_op: { allow_spinning: "0" }, inter_op: { allow_spinning: "0" } } },
  };
  try {
    return new OnnxModel(await InferenceSession.create(spec.path, options), spec.states);
  } catch (error) {
    if (!isBf16Refusal(error)) throw error;
  }
  const edges = withoutBf16Edges(await readFile(spec.path));
  const session = await InferenceSession.create(edges.file, options);
  return new OnnxModel(session, spec.states, edges);
}

/** What a provider cannot run, the CPU's own does. @throws where ONNX Runtime was built without it */
function executionProviders(
  asked: readonly ProviderSpec[],
): Pick<InferenceSession.SessionOptions, "executionProviders"> {
  if (asked.length === 0) return {};
  const known = listSupportedBackends().map(({ name }) => name);
  for (const { name } of asked)
    if (!known.includes(name))
      throw new Error(
        `unknown Execution Accelerator '${name}' is requested; this ONNX Runtime has ${known.join(", ")}`,
      );
  return { executionProviders: [...asked.map(({ name, parameters }) => ({ ...parameters, name })), "cpu"] };
}

const NO_BF16: Omit<Bf16Edges, "file"> = { inputs: new Map(), outputs: new Map() };

class OnnxModel implements ComputeModel {
  readonly inputs: readonly GraphTensor[];
  readonly outputs: readonly GraphTensor[];
  readonly #session: InferenceSession;
  readonly #states: readonly StateSpec[];
  readonly #bf16: Omit<Bf16Edges, "file">;
  /** By sequence: the states in the order of the configuration. */
  readonly #held = new Map<number, readonly Tensor[]>();

  constructor(session: InferenceSession, states: readonly StateSpec[], bf16 = NO_BF16) {
    this.#session = session;
    this.#states = states;
    this.#bf16 = bf16;
    this.inputs = withBf16(session.inputMetadata.map(graphTensor), bf16.inputs);
    this.outputs = withBf16(session.outputMetadata.map(graphTensor), bf16.outputs);
  }

  async run(
    feeds: Readonly<Record<string, Tensor>>,
    wanted: readonly string[],
    rows: StepRun["rows"],
  ): Promise<Readonly<Record<string, Tensor>>> {
    if (this.#states.length === 0 || rows === undefined) return this.#runGraph(feeds, wanted);
    const before = rows.map((row) => this.#before(row));
    const all: Record<string, Tensor> = { ...feeds };
    this.#states.forEach((state, index) => {
      all[state.input] = joinRows(before.map((states) => states[index] ?? initialState(state)));
    });
    const fetches = new Set(wanted);
    for (const state of this.#states) fetches.add(state.output);
    const outputs = await this.#runGraph(all, [...fetches]);
    const after = this.#states.map(({ output }) => splitRows(output, present(outputs, output), rows.length));
    rows.forEach((row, at) => {
      if (row === null) return;
      if (row.end) this.#held.delete(row.state);
      else
        this.#held.set(
          row.state,
          after.map((parts) => rowOf(parts, at)),
        );
    });
    const answer: Record<string, Tensor> = {};
    for (const name of wanted) {
      const tensor = present(outputs, name);
      // Of one row, the state is the output itself.
      const shared = rows.length === 1 && this.#states.some((state) => state.output === name);
      answer[name] = shared ? cloneTensor(tensor) : tensor;
    }
    return answer;
  }

  /** Runs the graph under the names and types that the model has outside. */
  async #runGraph(
    feeds: Readonly<Record<string, Tensor>>,
    wanted: readonly string[],
  ): Promise<Readonly<Record<string, Tensor>>> {
    const { inputs, outputs } = this.#bf16;
    if (inputs.size + outputs.size === 0) return this.#session.run(feeds, wanted);
    const given: Record<string, Tensor> = { ...feeds };
    for (const [name, inner] of inputs) {
      const tensor = given[name];
      delete given[name];
      if (tensor !== undefined) given[inner] = widen(tensor);
    }
    const made = await this.#session.run(
      given,
      wanted.map((name) => outputs.get(name) ?? name),
    );
    const named: Record<string, Tensor> = {};
    for (const name of wanted) {
      const inner = outputs.get(name);
      named[name] = inner === undefined ? present(made, name) : narrow(present(made, inner));
    }
    return named;
  }

  #before(row: StateRow | null): readonly Tensor[] {
    const held = row === null || row.start ? undefined : this.#held.get(row.state);
    return held ?? this.#states.map(initialState);
  }

  save(state: number): readonly MovedTensor[] {
    const held = this.#held.get(state) ?? this.#states.map(initialState);
    return this.#states.map(({ input }, at) => fromOrt(input, cloneTensor(rowOf(held, at))));
  }

  restore(state: number, tensors: readonly MovedTensor[]): void {
    const given = putStates(this.#states, tensors);
    this.#held.set(
      state,
      given.map(({ datatype, shape, buffer }) => toOrt(datatype, shape, buffer)),
    );
  }

  forget(state: number): void {
    this.#held.delete(state);
  }

  async release(): Promise<void> {
    this.#held.clear();
    await this.#session.release();
  }
}

function present(outputs: Readonly<Record<string, Tensor>>, name: string): Tensor {
  const tensor = outputs[name];
  if (tensor === undefined) throw new Error(`the model gave no output '${name}'`);
  return tensor;
}

function initialState(state: StateSpec): Tensor {
  const count = state.shape.reduce((product, size) => product * size, 1);
  // Zeros: also of texts, each of length zero behind four bytes.
  const size = state.datatype === "BYTES" ? 4 : ELEMENT_SIZES[state.datatype];
  const buffer = new ArrayBuffer(state.initial?.byteLength ?? count * size);
  if (state.initial !== undefined) new Uint8Array(buffer).set(state.initial);
  return toOrt(state.datatype, state.shape, buffer);
}

/** Tensors under their own names and of BF16, where the graph has others of FP32 in their places. */
function withBf16(
  tensors: readonly GraphTensor[],
  inner: ReadonlyMap<string, string>,
): readonly GraphTensor[] {
  const own = new Map([...inner].map(([name, fp32]) => [fp32, name]));
  return tensors.map((tensor) => {
    const name = own.get(tensor.name);
    return name === undefined ? tensor : { ...tensor, name, datatype: "BF16" };
  });
}

function graphTensor(metadata: InferenceSession.ValueMetadata): GraphTensor {
  if (!metadata.isTensor) throw new Error(`'${metadata.name}' is not a tensor; only tensors are supported`);
  return {
    name: metadata.name,
    datatype: datatypeOfOrt(metadata.type),
    shape: metadata.shape.map((size) => (typeof size === "number" ? size : -1)),
  };
}
