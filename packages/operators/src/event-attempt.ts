import {
  type EventRecord,
  type InferResponse,
  type InferUnary,
  isStrainflowError,
  StrainflowError,
  type Tensor,
} from "@strainflow/series";

/**
 * Why an event has no outputs.
 *
 * - `unreadable`: its record is damaged, or does not fit its table;
 * - `refused`: the server has answered with an error: wrong inputs, or the model failed on it;
 * - `timeout`: no answer within the event's own limit;
 * - `lost`: the server went away under it, several times.
 */
export type EventFailureReason = "unreadable" | "refused" | "timeout" | "lost";

export type Attempt =
  | { readonly outputs: Readonly<Record<string, Tensor>> }
  | { readonly reason: EventFailureReason; readonly error: Error };

export interface AttemptOptions {
  readonly modelName: string;
  readonly version?: string;
  readonly outputs?: readonly string[];
  readonly timeoutMs: number;
}

/** Tags of "there is nobody": the request may be sent again, to whoever comes back. */
const LOST_TAGS = ["server-unavailable", "stream-lost", "server-closed", "connection-lost"];

/**
 * One request for one event, with a limit of its own that does not depend on the transport's keeping it.
 *
 * @throws what `signal` was aborted with
 */
export async function attemptEvent(
  server: InferUnary,
  record: EventRecord,
  options: AttemptOptions,
  signal: AbortSignal,
): Promise<Attempt> {
  signal.throwIfAborted();
  const { modelName, version, outputs, timeoutMs } = options;
  const late = new StrainflowError(
    "deadline-exceeded",
    `event ${record.id}: model "${modelName}" gave no answer within ${timeoutMs} ms; the event is skipped (timeoutMs sets the limit)`,
    { details: { eventId: record.id, modelName, timeoutMs } },
  );
  const limit = new AbortController();
  const giveUp = (): void => limit.abort(signal.reason);
  signal.addEventListener("abort", giveUp);
  const timer = setTimeout(() => limit.abort(late), timeoutMs);
  const stopped = new Promise<never>((_, reject) => {
    limit.signal.addEventListener("abort", () => reject(limit.signal.reason), { once: true });
  });
  const ask = async (): Promise<InferResponse> =>
    server.infer(
      modelName,
      { id: record.id, inputs: record.inputs, ...(outputs === undefined ? {} : { outputs }) },
      { timeoutMs, signal: limit.signal, ...(version === undefined ? {} : { version }) },
    );
  try {
    const response = await Promise.race([ask(), stopped]);
    if (response.error !== undefined) return failure(record, response.error);
    return { outputs: response.outputs };
  } catch (error) {
    if (limit.signal.aborted && limit.signal.reason === late) return { reason: "timeout", error: late };
    signal.throwIfAborted();
    return failure(record, error);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
  }
}

function failure(record: EventRecord, thrown: unknown): Attempt {
  const error = thrown instanceof Error ? thrown : new Error(`event ${record.id}: ${String(thrown)}`);
  if (isStrainflowError(error, "deadline-exceeded")) return { reason: "timeout", error };
  const lost = isStrainflowError(error) && LOST_TAGS.includes(error.tag);
  return { reason: lost ? "lost" : "refused", error };
}
