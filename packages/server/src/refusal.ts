import { StrainflowError } from "@strainflow/series";

/** Triton's status codes, as far as this server answers with them; the names are gRPC's. */
export type StatusCode =
  | "INVALID_ARGUMENT"
  | "NOT_FOUND"
  | "UNAVAILABLE"
  | "INTERNAL"
  | "UNIMPLEMENTED"
  | "CANCELLED"
  | "RESOURCE_EXHAUSTED"
  | "ALREADY_EXISTS";

/**
 * A request that gets no outputs. Its message is what the client reads: texts that clients match on are Triton's own.
 *
 * Tag `inference-refused`; `details.code` is the gRPC status.
 */
export class Refusal extends StrainflowError {
  readonly code: StatusCode;

  constructor(code: StatusCode, message: string, options: { readonly cause?: unknown } = {}) {
    super("inference-refused", message, { ...options, details: { code } });
    this.code = code;
  }

  /** The same refusal, as an ensemble passes it on. */
  inEnsemble(name: string): Refusal {
    return new Refusal(this.code, `in ensemble '${name}', ${this.message}`, { cause: this });
  }
}

export function invalid(message: string): Refusal {
  return new Refusal("INVALID_ARGUMENT", message);
}

/** What a thrown value becomes when it reaches a client. */
export function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal("INTERNAL", error instanceof Error ? error.message : String(error), { cause: error });
}

/** What a request gets that was given up before it ran. */
export function cancelled(): Refusal {
  return new Refusal("CANCELLED", "the request was cancelled before it ran");
}
