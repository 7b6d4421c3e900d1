import type { ClientStream } from "@strainflow/http2";
import type { CallLimits } from "../call-options.ts";
import type { FramedMessage } from "./grpc-frames.ts";
import {
  abortedFailure,
  type GrpcFailure,
  grpcFailure,
  grpcTimeout,
  isGrpcFailure,
  lostFailure,
  MAX_ATTEMPTS,
} from "./grpc-status.ts";
import type { TransportEvents } from "./transport.ts";

/** What a call needs of its transport. */
export interface CallHost {
  /** Makes the connection if there is none. @throws GrpcFailure */
  connect(limitMs: number): Promise<void>;
  /** @throws GrpcFailure */
  begin(headers: Readonly<Record<string, string>>, events: TransportEvents): ClientStream;
}

/**
 * One message there and one back. A call that the server has not looked at is made again, until its time is up or three
 * connections were of no use; one that may have been looked at never is.
 *
 * @throws GrpcFailure
 */
export function singleCall(
  host: CallHost,
  message: FramedMessage,
  { timeoutMs, signal, headers }: CallLimits,
): Promise<Buffer> {
  const until = performance.now() + timeoutMs;
  const leftMs = (): number => Math.max(1, Math.round(until - performance.now()));
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortedFailure());
    let stream: ClientStream | undefined;
    let response: Buffer | undefined;
    let attempts = 0;
    let over = false;
    const timer = setTimeout(
      () =>
        giveUp(
          stream === undefined
            ? lostFailure(`no connection within ${timeoutMs} ms`)
            : grpcFailure("DEADLINE_EXCEEDED", `no answer within ${timeoutMs} ms`),
        ),
      timeoutMs,
    );
    const abort = (): void => giveUp(abortedFailure());
    signal?.addEventListener("abort", abort);

    function settle(): void {
      over = true;
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
    function giveUp(failure: GrpcFailure): void {
      settle();
      stream?.reset();
      reject(failure);
    }
    function failed(error: unknown): void {
      if (over) return;
      if (isGrpcFailure(error) && error.refused && attempts < MAX_ATTEMPTS) return attempt();
      settle();
      reject(error);
    }
    function closed(failure: GrpcFailure | undefined): void {
      if (failure !== undefined) return failed(failure);
      if (response === undefined) return failed(grpcFailure("INTERNAL", "the answer has no message"));
      settle();
      resolve(response);
    }
    function send(): void {
      if (over) return;
      stream = host.begin(
        { ...headers, "grpc-timeout": grpcTimeout(leftMs()) },
        {
          message(bytes) {
            response = bytes;
          },
          drain: () => undefined,
          closed,
        },
      );
      stream.write(message);
      stream.end();
    }
    function attempt(): void {
      attempts++;
      stream = undefined;
      host.connect(leftMs()).then(send).catch(failed);
    }
    attempt();
  });
}
