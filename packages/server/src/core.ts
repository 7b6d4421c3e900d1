import type { ModelStatistics } from "@strainflow/proto";
import { modelStatistics } from "./metadata.ts";
import type { Model, ModelRequest, Pending } from "./models/model.ts";
import type { ModelRegistry } from "./models/model-registry.ts";
import type { ModelRepository } from "./models/model-repository.ts";
import { type Command, runCommand } from "./processes/commands.ts";
import type { Others } from "./processes/others.ts";
import { asRefusal, Refusal } from "./refusal.ts";
import { decodeInferRequest } from "./requests/decode-request.ts";
import {
  encodeEmptyFinal,
  encodeStreamError,
  FINAL,
  NOT_FINAL,
  ResponseEncoder,
  sequenceParameters,
} from "./requests/encode-response.ts";
import { toModelRequest } from "./requests/model-request.ts";
import { requestFlags } from "./requests/request-parameters.ts";
import { toldSequence } from "./requests/told-sequence.ts";
import { nowNs } from "./scheduling/monotonic.ts";
import type { Outcome } from "./scheduling/scheduler.ts";
import type { SequenceOwner } from "./sequences/sequence-owner.ts";
import type { SharedMemory } from "./tensors/shared-memory.ts";
import { deliver } from "./tensors/shared-tensors.ts";
import type { ServerLog } from "./watching/server-log.ts";
import type { Tracer } from "./watching/tracer.ts";

/** What a request that came as bytes is answered with. */
export interface Answer {
  /** As the client named the request; "" where it did not, or where it could not be read. */
  readonly id: string;
  /** An encoded response with gRPC's prefix, or why there is none; `undefined` where a decoupled request ends without a word. */
  readonly outcome: Buffer | Refusal | undefined;
}

/** `unary`: a `ModelInferResponse`; `streamed`: a `ModelStreamInferResponse` around it. */
export type AnswerForm = "unary" | "streamed";

export interface CoreOptions {
  readonly registry: ModelRegistry;
  readonly repository: ModelRepository;
  readonly log: ServerLog;
  readonly tracer: Tracer;
  readonly sharedMemory: SharedMemory;
  /** Whether sequences' states may be asked for and put in. */
  readonly handOver: boolean;
}

/** A request for a model by name, on its way in. */
export interface NamedRequest {
  readonly model: string;
  /** "": the highest. */
  readonly version: string;
  readonly request: ModelRequest;
  readonly front: "GRPC" | "HTTP";
  /** When its first byte was there: `nowNs`. */
  readonly receivedNs: number;
}

/** The server without a transport: models, and requests as bytes for them. */
export class Core {
  readonly registry: ModelRegistry;
  readonly repository: ModelRepository;
  readonly log: ServerLog;
  readonly tracer: Tracer;
  readonly sharedMemory: SharedMemory;
  readonly handOver: boolean;
  readonly #encoders = new WeakMap<Model, ResponseEncoder>();
  /** The server is closing: not ready any more, though open streams may go on. */
  closing = false;
  /** New requests are refused. */
  refusing = false;
  /** Where the server is several processes: those beside this one. */
  others: Others | undefined;

  constructor({ registry, repository, log, tracer, sharedMemory, handOver }: CoreOptions) {
    this.registry = registry;
    this.repository = repository;
    this.log = log;
    this.tracer = tracer;
    this.sharedMemory = sharedMemory;
    this.handOver = handOver;
  }

  get ready(): boolean {
    return !this.closing && this.registry.ready && this.others?.ready !== false;
  }

  /** Changes the server, in all its processes. @throws Refusal */
  command(command: Command): Promise<void> {
    return this.others?.command(command) ?? runCommand(this, command);
  }

  /** Of one model, all its versions where none is named, or of all models. @throws Refusal in Triton's words */
  async statistics(name: string, version: string): Promise<readonly ModelStatistics[]> {
    const own = modelStatistics(this.registry, name, version);
    if (this.others === undefined) return own;
    const all = await this.others.statistics();
    return own.map((one) => all.find((sum) => sum.name === one.name && sum.version === one.version) ?? one);
  }

  /**
   * Runs an encoded `ModelInferRequest`. `done` is called once and never from inside; before it `more`, for each
   * response of a decoupled model. `owner`: whose loss ends the sequences of its requests.
   */
  infer(
    message: Uint8Array,
    form: AnswerForm,
    done: (answer: Answer) => void,
    more?: (response: Buffer) => void,
    owner?: SequenceOwner,
  ): Pending {
    const receivedNs = nowNs();
    let id = "";
    try {
      const wire = decodeInferRequest(message);
      id = wire.id;
      const flags = requestFlags(wire.parameters, owner);
      if (this.others !== undefined && flags.sequence !== undefined && !this.refusing) {
        const sent = this.others.infer(flags.sequence, { message, form, id, done, more });
        if (sent !== undefined)
          return isDecoupled(this.registry.find(wire.model, wire.version))
            ? { abandon: () => sent.abandon(), unordered: true }
            : sent;
      }
      const routed = this.registry.route(wire.model, wire.version, flags.sequence);
      const { spec } = routed;
      const decoupled = isDecoupled(routed);
      if (decoupled && form === "unary")
        throw new Refusal(
          "UNIMPLEMENTED",
          "ModelInfer RPC doesn't support models with decoupled transaction policy",
        );
      const request = toModelRequest(wire, flags, spec, this.sharedMemory);
      const named = { model: wire.model, version: wire.version, request, front: "GRPC", receivedNs } as const;
      const pending = this.run(
        named,
        (outcome, model) => {
          if (!decoupled || outcome instanceof Refusal)
            done({ id, outcome: this.#encode(model, request, form, outcome) });
          else done({ id, outcome: flags.emptyFinal ? encodeEmptyFinal(spec.name, id) : undefined });
        },
        (outcome, model) => {
          const encoded = this.#encode(model, request, "more", outcome);
          if (!(encoded instanceof Refusal)) more?.(encoded);
        },
      );
      return decoupled ? { abandon: () => pending.abandon(), unordered: true } : pending;
    } catch (error) {
      const refusal = asRefusal(error);
      queueMicrotask(() => done({ id, outcome: refusal }));
      return { abandon: () => {} };
    }
  }

  /**
   * Runs a request by the model that it belongs to. `done` is called once and never from inside; what it does with the
   * outcome is part of the request's trace. Responses of a decoupled model come by `more`, before `done`.
   *
   * @throws Refusal if there is no such model, it does not take the request, or the server is closing
   */
  run(
    named: NamedRequest,
    done: (outcome: Outcome, model: Model) => void,
    more?: (outcome: Outcome, model: Model) => void,
  ): Pending {
    if (this.refusing) throw new Refusal("UNAVAILABLE", "the server is closing");
    const { request, front, receivedNs } = named;
    const model = this.registry.route(named.model, named.version, request.sequence);
    const { name, version } = model.spec;
    this.log.verbose(1, () => `request '${request.id}' for model '${name}' version ${version} over ${front}`);
    const { places } = request;
    for (const { region, offset, byteSize } of places?.values() ?? [])
      this.sharedMemory.check(region, offset, byteSize);
    const trace = this.tracer.begin(model.spec, request, front, receivedNs);
    const delivered = (outcome: Outcome): Outcome =>
      places === undefined ? outcome : deliver(this.sharedMemory, places, outcome);
    try {
      return model.infer(
        request,
        (outcome, timing) => {
          trace?.ran(outcome, timing);
          done(delivered(outcome), model);
          trace?.sent();
        },
        (outcome) => more?.(delivered(outcome), model),
      );
    } catch (error) {
      trace?.ran(asRefusal(error), undefined);
      trace?.sent();
      throw error;
    }
  }

  /** Answers of a model that took the request. `more`: one of several, after which others come. */
  #encode(
    model: Model,
    request: ModelRequest,
    form: AnswerForm | "more",
    outcome: Outcome,
  ): Buffer | Refusal {
    const { id } = request;
    const final = form !== "more";
    const failed = (refusal: Refusal): Buffer | Refusal =>
      form === "unary" ? refusal : encodeStreamError(id, refusal.message, { model: model.spec.name, final });
    if (outcome instanceof Refusal) return failed(outcome);
    const encoder = this.#encoder(model);
    try {
      if (form === "unary") return encoder.unary(id, outcome, parametersOf(model, request));
      return encoder.streamed(id, outcome, parametersOf(model, request, final ? FINAL : NOT_FINAL));
    } catch (error) {
      // Outputs beyond what one message can hold.
      return failed(asRefusal(error));
    }
  }

  #encoder(model: Model): ResponseEncoder {
    let encoder = this.#encoders.get(model);
    if (encoder === undefined) {
      encoder = new ResponseEncoder(model.spec.name, model.spec.version);
      this.#encoders.set(model, encoder);
    }
    return encoder;
  }
}

function isDecoupled(model: Model | undefined): boolean {
  return model?.spec.config.modelTransactionPolicy?.decoupled === true;
}

const NONE = new Uint8Array(0);

/** Parameters of a response: those that an ensemble tells of its sequence, and whether more responses will come. */
function parametersOf(model: Model, { sequence }: ModelRequest, final: Uint8Array = NONE): Uint8Array {
  const place = toldSequence(model.platform, sequence);
  return place === undefined ? final : Buffer.concat([sequenceParameters(place), final]);
}
