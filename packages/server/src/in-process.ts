import {
  type InferCall,
  type InferListener,
  type InferRequest,
  type InferResponse,
  StrainflowError,
  type StreamingModel,
  type StreamingSpec,
  streamingFromParameters,
  type Tensor,
} from "@strainflow/series";
import { stringParameters } from "./models/load-spec.ts";
import type { Model, ModelRequest, Pending } from "./models/model.ts";
import { tensorSpecs } from "./models/model-spec.ts";
import { asRefusal, Refusal } from "./refusal.ts";
import type { Outcome, SequencePlace } from "./scheduling/scheduler.ts";
import { SequenceOwner } from "./sequences/sequence-owner.ts";
import type { RawTensor } from "./tensors/raw-tensor.ts";
import { fromRaw, toRaw } from "./tensors/tensor-bytes.ts";

/** One of a request's responses. */
export interface InProcessResponse extends InferResponse {
  /** No other comes after it. `false` of decoupled models only, whose last one has no outputs, as over gRPC. */
  readonly final: boolean;
}

export interface InProcessListener extends InferListener {
  /** In request order (not those of decoupled models, which come as they are made). */
  response(response: InProcessResponse): void;
}

/** A model of this process, spoken to without a network: the same schedulers, the same bytes. */
export interface InProcessModel extends StreamingModel {
  open(listener: InProcessListener): InferCall;
  /** @throws `streaming-spec` if the model's parameters do not say how it is streamed to */
  readonly streaming: StreamingSpec;
  /** The configuration's parameters; `strainflow.*` say what a stream needs to know. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Requests under way before `send` asks to wait. Enough to keep every worker busy, little enough to hold in memory. */
const HIGH_WATER = 64;

/**
 * `model` is the one of now; `route` finds the one for a request, which may be another once it was replaced. `onOpen`
 * hears of each call, so that the server can give it up when it closes.
 */
export function inProcessModel(
  model: Model,
  route: (place: SequencePlace | undefined) => Model,
  onOpen: (call: { lose(error: Error): void }) => () => void,
): InProcessModel {
  const { name, version } = model.spec;
  const inputs = tensorSpecs(model.spec.inputs);
  const parameters = stringParameters(model.spec.config);
  return {
    name,
    version,
    inputs,
    outputs: tensorSpecs(model.spec.outputs),
    parameters,
    get streaming(): StreamingSpec {
      const streaming = streamingFromParameters(name, parameters, inputs);
      if (streaming !== undefined) return streaming;
      throw new StrainflowError(
        "streaming-spec",
        `model "${name}" has no strainflow.* parameters that say how it is streamed to; build it with the repository ` +
          "package, or reach it through a client, which takes them as options",
        { details: { modelName: name } },
      );
    },
    open: (listener) => new InProcessCall(route, listener, onOpen),
  };
}

interface Due {
  readonly id: string;
  response: InProcessResponse | undefined;
  pending: Pending | undefined;
}

class InProcessCall implements InferCall {
  readonly #route: (place: SequencePlace | undefined) => Model;
  readonly #listener: InProcessListener;
  readonly #due: Due[] = [];
  /** Of decoupled models: nobody else's responses wait for theirs. */
  readonly #unordered = new Set<Due>();
  readonly #close: () => void;
  readonly #owner = new SequenceOwner();
  #full = false;
  #ended = false;
  #over = false;

  constructor(
    route: (place: SequencePlace | undefined) => Model,
    listener: InProcessListener,
    onOpen: (call: { lose(error: Error): void }) => () => void,
  ) {
    this.#route = route;
    this.#listener = listener;
    this.#close = onOpen(this);
  }

  send(request: InferRequest): boolean {
    if (this.#ended || this.#over)
      throw new StrainflowError(
        "call-ended",
        "this call takes no more requests: it was ended, cancelled or lost",
      );
    const due: Due = { id: request.id, response: undefined, pending: undefined };
    let decoupled = false;
    const answer = (outcome: Outcome): void => {
      const response = responseOf(request.id, outcome, true);
      if (!this.#unordered.delete(due)) due.response = response;
      else if (!this.#over) this.#listener.response(response);
      this.#flush();
    };
    const more = (outcome: Outcome): void => {
      if (!this.#over) this.#listener.response(responseOf(request.id, outcome, false));
    };
    try {
      const asked = modelRequest(request, this.#owner);
      const model = this.#route(asked.sequence);
      decoupled = model.spec.config.modelTransactionPolicy?.decoupled === true;
      due.pending = model.infer(asked, answer, decoupled ? more : undefined);
    } catch (error) {
      const refusal = asRefusal(error);
      queueMicrotask(() => answer(refusal));
    }
    if (decoupled) this.#unordered.add(due);
    else this.#due.push(due);
    this.#full = this.#underWay >= HIGH_WATER;
    return !this.#full;
  }

  end(): void {
    if (this.#ended || this.#over) return;
    this.#ended = true;
    queueMicrotask(() => this.#flush());
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#close();
    for (const { pending, response } of [...this.#due, ...this.#unordered])
      if (response === undefined) pending?.abandon();
    this.#due.length = 0;
    this.#unordered.clear();
    this.#owner.lose();
  }

  lose(error: Error): void {
    if (this.#over) return;
    this.cancel();
    this.#listener.lost(error);
  }

  get #underWay(): number {
    return this.#due.length + this.#unordered.size;
  }

  #flush(): void {
    while (!this.#over && this.#due[0]?.response !== undefined) {
      const { response } = this.#due.shift() ?? {};
      if (response !== undefined) this.#listener.response(response);
    }
    if (this.#over) return;
    if (this.#ended && this.#underWay === 0) {
      this.#over = true;
      this.#close();
      this.#listener.closed?.();
    } else if (this.#full && this.#underWay < HIGH_WATER) {
      this.#full = false;
      this.#listener.drain?.();
    }
  }
}

function modelRequest(request: InferRequest, owner: SequenceOwner): ModelRequest {
  const inputs = new Map<string, RawTensor>();
  for (const [name, tensor] of Object.entries(request.inputs)) inputs.set(name, toRaw(tensor));
  const { id, outputs, sequence } = request;
  const none = sequence === undefined || sequence.id === "" || sequence.id === 0n;
  return {
    id,
    inputs,
    ...(outputs === undefined ? {} : { outputs }),
    ...(none ? {} : { sequence: { ...sequence, owner } }),
  };
}

function responseOf(id: string, outcome: Outcome, final: boolean): InProcessResponse {
  if (outcome instanceof Refusal) return { id, outputs: {}, error: outcome, final };
  const outputs: Record<string, Tensor> = {};
  for (const [name, raw] of outcome) outputs[name] = fromRaw(raw);
  return { id, outputs, final };
}
