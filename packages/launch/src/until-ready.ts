import { setTimeout as pause } from "node:timers/promises";
import { invalidOption, StrainflowError } from "@strainflow/series";
import { connect } from "@strainflow/triton";
import { describeExit } from "./server-process.ts";
import type { SupervisedServer } from "./supervise.ts";

/** What `connect` may say of a server that does not answer says more than a limit does; it comes first. */
const LATE_MS = 500;

/**
 * Resolves when a server that was started answers that it is ready, and is the one that was started.
 *
 * @throws `server-unavailable`, `server-lost`, `aborted`
 */
export async function untilReady(
  server: SupervisedServer,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!(timeoutMs >= 0)) throw invalidOption("ready", "timeoutMs", timeoutMs, "milliseconds, at least 0");
  const { grpc } = server.place;
  const over = new AbortController();
  const abort = (): void => over.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });

  async function answers(): Promise<void> {
    const client = await connect(grpc, { waitMs: timeoutMs, signal: over.signal });
    client.close();
    // What answers first after a death may be somebody else; who starts the next one finds out.
    await server.settled();
  }
  try {
    await Promise.race([
      answers(),
      server.exited.then((exit) => {
        throw new StrainflowError(
          "server-lost",
          `the server at ${grpc} has ended (${describeExit(exit)}), and no other is started in its place`,
          { details: { exit } },
        );
      }),
      pause(timeoutMs + LATE_MS, undefined, { signal: over.signal }).then(
        () => {
          throw new StrainflowError(
            "server-unavailable",
            `the server at ${grpc} was not ready within ${timeoutMs} ms`,
          );
        },
        (cause: unknown) => {
          throw new StrainflowError("aborted", `waiting for the server at ${grpc} was given up`, { cause });
        },
      ),
    ]);
  } finally {
    signal?.removeEventListener("abort", abort);
    over.abort();
  }
}
