import { GRPCInferenceService } from "@strainflow/proto";
import { StrainflowError } from "@strainflow/series";
import type { TransportPool } from "./transport-pool.ts";
import { callUnary } from "./unary.ts";

const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 1000;
const LONGEST_TRY_MS = 2000;

/**
 * Asks until the server says that it is ready, at growing intervals (25 ms to 1 s).
 *
 * @throws `server-unavailable` after `waitMs`, with the last answer or failure; `aborted`
 */
export async function waitUntilReady(
  pool: TransportPool,
  address: string,
  waitMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const started = performance.now();
  let cause: unknown;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const leftMs = waitMs - (performance.now() - started);
    if (signal?.aborted)
      throw new StrainflowError("aborted", `waiting for the server at ${address} was given up`, {
        cause: signal.reason,
      });
    try {
      const limitMs = Math.max(1, Math.min(leftMs, LONGEST_TRY_MS));
      const { ready } = await callUnary(pool.first(), GRPCInferenceService.method.serverReady, {}, limitMs);
      if (ready) return;
      cause = new Error("it is alive, and not all of its models are ready");
    } catch (error) {
      cause = error;
    }
    if (performance.now() - started + pauseMs > waitMs) {
      const last = cause instanceof Error ? cause.message : String(cause);
      throw new StrainflowError(
        "server-unavailable",
        `the server at ${address} was not ready within ${waitMs} ms (${last}); is it running, and is this its gRPC port?`,
        { cause, details: { address, waitMs } },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
