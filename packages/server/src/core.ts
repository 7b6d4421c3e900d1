import { decodeInferRequest, toModelRequest } from "./decode-request.ts";
import { ResponseEncoder } from "./encode-response.ts";
import type { Model, Pending } from "./model.ts";
import type { ModelRegistry } from "./model-registry.ts";
import type { RawTensors } from "./raw-tensor.ts";
import { asRefusal, Refusal } from "./refusal.ts";

/** What answers a request that came as bytes. `outcome` is an encoder of the answer, or why there is none. */
export interface Answer {
  /** As the client named the request; "" where it did not, or where it could not be read. */
  readonly id: string;
  readonly outcome: { unary(): Buffer; streamed(): Buffer } | Refusal;
}

/** The server without a transport: models, and requests as bytes for them. */
export class Core {
  readonly registry: ModelRegistry;
  readonly #encoders = new WeakMap<Model, ResponseEncoder>();
  /** The server is closing: not ready any more, though open streams may go on. */
  closing = false;
  /** New requests are refused. */
  refusing = false;

  constructor(registry: ModelRegistry) {
    this.registry = registry;
  }

  get ready(): boolean {
    return !this.closing && this.registry.ready;
  }

  /** Runs an encoded `ModelInferRequest`. `done` is called once and never from inside. */
  infer(message: Uint8Array, done: (answer: Answer) => void): Pending {
    let id = "";
    try {
      if (this.refusing) throw new Refusal("UNAVAILABLE", "the server is closing");
      const wire = decodeInferRequest(message);
      id = wire.id;
      const model = this.registry.get(wire.model, wire.version);
      const request = toModelRequest(wire);
      return model.infer(request, (outcome) =>
        done({ id, outcome: outcome instanceof Refusal ? outcome : this.#encoded(model, id, outcome) }),
      );
    } catch (error) {
      const refusal = asRefusal(error);
      queueMicrotask(() => done({ id, outcome: refusal }));
      return { abandon: () => {} };
    }
  }

  #encoded(model: Model, id: string, outputs: RawTensors): Exclude<Answer["outcome"], Refusal> {
    let encoder = this.#encoders.get(model);
    if (encoder === undefined) {
      encoder = new ResponseEncoder(model.spec.name, model.spec.version);
      this.#encoders.set(model, encoder);
    }
    const own = encoder;
    return { unary: () => own.unary(id, outputs), streamed: () => own.streamed(id, outputs) };
  }
}
