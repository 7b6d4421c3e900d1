import { decodeInferRequest, toModelRequest } from "./decode-request.ts";
import { ResponseEncoder } from "./encode-response.ts";
import type { Model, Pending } from "./model.ts";
import type { ModelRegistry } from "./model-registry.ts";
import { asRefusal, Refusal } from "./refusal.ts";
import type { Outcome } from "./scheduler.ts";

/** What a request that came as bytes is answered with. */
export interface Answer {
  /** As the client named the request; "" where it did not, or where it could not be read. */
  readonly id: string;
  /** An encoded response, or why there is none. */
  readonly outcome: Buffer | Refusal;
}

/** `unary`: a `ModelInferResponse`; `streamed`: a `ModelStreamInferResponse` around it. */
export type AnswerForm = "unary" | "streamed";

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
  infer(message: Uint8Array, form: AnswerForm, done: (answer: Answer) => void): Pending {
    let id = "";
    try {
      if (this.refusing) throw new Refusal("UNAVAILABLE", "the server is closing");
      const wire = decodeInferRequest(message);
      id = wire.id;
      const model = this.registry.get(wire.model, wire.version);
      return model.infer(toModelRequest(wire), (outcome) =>
        done({ id, outcome: this.#encode(model, id, form, outcome) }),
      );
    } catch (error) {
      const refusal = asRefusal(error);
      queueMicrotask(() => done({ id, outcome: refusal }));
      return { abandon: () => {} };
    }
  }

  #encode(model: Model, id: string, form: AnswerForm, outcome: Outcome): Buffer | Refusal {
    if (outcome instanceof Refusal) return outcome;
    let encoder = this.#encoders.get(model);
    if (encoder === undefined) {
      encoder = new ResponseEncoder(model.spec.name, model.spec.version);
      this.#encoders.set(model, encoder);
    }
    try {
      return form === "unary" ? encoder.unary(id, outcome) : encoder.streamed(id, outcome);
    } catch (error) {
      // Outputs beyond what one message can hold.
      return asRefusal(error);
    }
  }
}
