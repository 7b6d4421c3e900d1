import type { InferRequest, InferResponse } from "./infer-stream.ts";

/** What one request outside of any stream may ask for. */
export interface UnaryOptions {
  /** Version of the model. Default: whichever the server serves by default. */
  readonly version?: string;
  /** Milliseconds until the request is given up, on both sides where the transport can tell the other one. */
  readonly timeoutMs?: number;
  /** Gives the request up. */
  readonly signal?: AbortSignal;
}

/**
 * How single requests reach a server's models: one request, one response, and no order among them.
 *
 * The gRPC client satisfies it, and so does anything that has an `InferStream` per model.
 */
export interface InferUnary {
  /**
   * Rejects where there is no answer (the server is not there, or not in time); a refusal is either a rejection or an
   * `error` in the response.
   */
  infer(modelName: string, request: InferRequest, options: UnaryOptions): Promise<InferResponse>;
}
