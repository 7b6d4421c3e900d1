import { invalidOption, StrainflowError } from "@strainflow/series";
import { connect } from "@strainflow/triton";
import { describeExit } from "./server-process.ts";
import type { SupervisedServer } from "./supervise.ts";

/** Resolves when a server that was started answers that it is ready. @throws `server-unavailable`, `server-lost`, `aborted` */
export async function untilReady(
  server: SupervisedServer,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!(timeoutMs >= 0)) throw invalidOption("ready", "timeoutMs", timeoutMs, "milliseconds, at least 0");
  const over = new AbortController();
  const abort = (): void => over.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([
      connect(server.place.grpc, { waitMs: timeoutMs, signal: over.signal }).then((client) => client.close()),
      server.exited.then((exit) => {
        throw new StrainflowError(
          "server-lost",
          `the server at ${server.place.grpc} has ended (${describeExit(exit)}), and no other is started in its place`,
          { details: { exit } },
        );
      }),
    ]);
  } finally {
    signal?.removeEventListener("abort", abort);
    over.abort();
  }
}
