import type { TensorSpec } from "@strainflow/series";
import { checkOptions } from "./check-options.ts";
import type { InProcessModel } from "./in-process.ts";
import type { ServerOptions } from "./server-options.ts";
import { startServer } from "./start-server.ts";

/** A model as the server has it. */
export interface ServedModel {
  readonly name: string;
  readonly version: string;
  readonly platform: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

export interface InferenceServer {
  /** `host:port` */
  readonly grpcAddress: string;
  /** `http://host:port`, or absent without HTTP. */
  readonly httpAddress?: string;
  /** `http://host:port/metrics`, or absent without metrics. */
  readonly metricsAddress?: string;
  /** Those that are loaded now. */
  readonly models: readonly ServedModel[];
  /** All models are up, and the server is not closing. */
  readonly ready: boolean;
  /** A model without a network between: same schedulers, same bytes. @throws `inference-refused` for an unknown model */
  inProcess(model: string, version?: string): InProcessModel;
  /**
   * Stops. Open streams may go on for `drainMs` (default 0), requests under way are answered, then the rest is cut and
   * the compute threads leave.
   */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}

/**
 * Starts the embedded inference server: Triton's protocol over gRPC and HTTP, models in ONNX Runtime.
 *
 * Resolves when every model is loaded and the ports are open.
 *
 * @throws `repository-not-readable`, `model-not-loadable`, `address-in-use`, `invalid-option`
 */
export async function createServer(options: ServerOptions): Promise<InferenceServer> {
  return (await startServer(checkOptions(options), true)).server;
}
