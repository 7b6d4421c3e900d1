import { inferRefused, invalidRequest, type LostReason, streamLost } from "../errors.ts";
import type { InferResult, TritonCall, TritonListener, TritonRequest } from "../request.ts";
import type { RequestEncoder } from "../tensors/request-encoder.ts";
import { sharedOutputs } from "../tensors/request-header.ts";
import type { DecodedResponse, ResponseDecoder } from "../tensors/response-decoder.ts";
import { type FramedMessage, framedSize } from "../transport/grpc-frames.ts";
import { isGrpcFailure, MAX_ATTEMPTS } from "../transport/grpc-status.ts";
import type { Transport, TransportCall } from "../transport/transport.ts";
import { createInFlight } from "./in-flight.ts";
import type { LatencyBook } from "./latency-profile.ts";
import { createWatchdog } from "./watchdog.ts";

/** Limits of one stream. */
export interface StreamLimits {
  /**
   * Bytes sent and not yet answered at which `send` answers `false`. Default 64 MiB: 64 updates of 1 MiB, more than
   * any server needs to stay busy, and little beside what a process has.
   */
  readonly maxBytesInFlight: number;
  /**
   * Requests that may wait for the socket before `send` answers `false`. Default 16: what Node's own object streams
   * take.
   */
  readonly maxQueued: number;
  /**
   * Milliseconds without any response, while requests are in flight, after which the stream counts as lost. Default
   * 30 000: longer than a model's slowest first request, shorter than anybody's patience.
   */
  readonly responseTimeoutMs: number;
  /** Milliseconds that opening may wait for a connection. Default 10 000: a server that restarts is back by then. */
  readonly connectTimeoutMs: number;
}

interface CallOptions {
  readonly transport: Transport;
  readonly modelName: string;
  readonly encoder: RequestEncoder;
  readonly decoder: ResponseDecoder;
  readonly limits: StreamLimits;
  readonly listener: TritonListener;
  /** A request may have many responses; the last one says so. */
  readonly decoupled?: boolean;
  readonly latencies?: LatencyBook | undefined;
}

/** One `ModelStreamInfer` call. */
export function openInferCall(options: CallOptions): TritonCall {
  const { decoupled = false, latencies } = options;
  const { transport, modelName, encoder, decoder, limits, listener } = options;
  const inFlight = createInFlight();
  const watchdog = createWatchdog(limits.responseTimeoutMs, () =>
    lose("watchdog", `no response for ${limits.responseTimeoutMs} ms`),
  );
  let queue: FramedMessage[] = [];
  /** What was written while nothing has come back: it goes again if the other side says that it has not looked at it. */
  let unseen: FramedMessage[] | undefined = [];
  let attempts = 0;
  let call: TransportCall | undefined;
  let congested = false;
  let ended = false;
  let halfClosed = false;
  let done = false;
  let blocked = false;
  let lastSequenceId: bigint | string | undefined;

  const full = (): boolean => queue.length >= limits.maxQueued || inFlight.bytes >= limits.maxBytesInFlight;

  function pump(): void {
    while (call !== undefined && !congested && queue.length > 0) {
      const message = queue.shift()!;
      unseen?.push(message);
      congested = !call.write(message);
    }
    if (call !== undefined && !done && ended && queue.length === 0 && !halfClosed) {
      halfClosed = true;
      call.end();
    }
  }

  function drained(): void {
    congested = false;
    pump();
    unblock();
  }

  function unblock(): void {
    if (done || !blocked || full()) return;
    blocked = false;
    listener.drain?.();
  }

  function finish(): void {
    done = true;
    queue = [];
    unseen = undefined;
    watchdog.stop();
  }

  function lose(reason: LostReason, message: string, cause?: unknown): void {
    if (done) return;
    finish();
    call?.cancel();
    // What a silent or broken connection carries is not to be trusted with the next stream.
    if (reason !== "malformed") transport.discard();
    const oldest = inFlight.oldest;
    listener.lost(
      streamLost({
        address: transport.address,
        modelName,
        reason,
        message,
        requestId: oldest?.id,
        sequenceId: oldest?.sequenceId ?? lastSequenceId,
        inFlight: inFlight.count,
        cause,
      }),
    );
  }

  function received(message: Buffer): void {
    if (done) return;
    unseen = undefined;
    let response: DecodedResponse;
    try {
      response = decoder.stream(message, (id) => inFlight.find(id)?.shared);
    } catch (cause) {
      lose("malformed", cause instanceof Error ? cause.message : String(cause), cause);
      return;
    }
    const { outputs, refusal, modelName: answering, modelVersion, parameters } = response;
    const final =
      !decoupled ||
      refusal !== "" ||
      response.error !== undefined ||
      parameters.triton_final_response === true;
    const request = final ? inFlight.settle(response.id) : inFlight.find(response.id);
    if (inFlight.count === 0) watchdog.rest();
    else watchdog.progress();
    if (request === undefined && decoupled) return;
    if (final && request !== undefined)
      latencies?.record(request.sequenceId, performance.now() - request.sentAt);
    const id = response.id === "" ? (request?.id ?? "") : response.id;
    const error =
      refusal === ""
        ? response.error
        : inferRefused({ modelName, requestId: id, sequenceId: request?.sequenceId, message: refusal });
    const result = { id, outputs, modelName: answering || modelName, modelVersion, parameters, final };
    const told: InferResult = error === undefined ? result : { ...result, error };
    listener.response(told);
    unblock();
  }

  function closed(failure: Error | undefined): void {
    if (done) return;
    if (beginAgain(failure)) return;
    if (failure !== undefined) lose("transport", failure.message, failure);
    else if (!ended || inFlight.count > 0) lose("transport", "the server closed the stream");
    else {
      finish();
      listener.closed?.();
    }
  }

  function begin(): void {
    attempts++;
    transport.ready(limits.connectTimeoutMs).then(
      () => {
        if (done) return;
        try {
          call = transport.stream({ borrows: listener.borrows, message: received, drain: drained, closed });
        } catch (cause) {
          if (beginAgain(cause)) return;
          return lose("connect", cause instanceof Error ? cause.message : String(cause), cause);
        }
        if (inFlight.count > 0) watchdog.watch();
        pump();
      },
      (cause: unknown) =>
        lose("connect", cause instanceof Error ? cause.message : `no connection: ${String(cause)}`, cause),
    );
  }

  /** On another connection, with all that was sent, if nobody has looked at any of it. @returns whether it does */
  function beginAgain(failure: unknown): boolean {
    if (!isGrpcFailure(failure) || !failure.refused || unseen === undefined || attempts >= MAX_ATTEMPTS)
      return false;
    call = undefined;
    congested = false;
    halfClosed = false;
    queue = [...unseen, ...queue];
    unseen = [];
    watchdog.rest();
    begin();
    return true;
  }

  begin();

  return {
    send(request: TritonRequest): boolean {
      if (done) return false;
      if (ended) throw invalidRequest(`request ${request.id} came after the end of its stream`);
      if (request.id === "" || inFlight.has(request.id))
        throw invalidRequest(
          `request id "${request.id}" is ${request.id === "" ? "empty" : "in flight already"}; each needs its own`,
        );
      const message = encoder.encode(request);
      const size = framedSize(message);
      lastSequenceId = request.sequence?.id ?? lastSequenceId;
      if (inFlight.count === 0 && call !== undefined) watchdog.watch();
      inFlight.add({
        id: request.id,
        size,
        sequenceId: request.sequence?.id,
        sentAt: performance.now(),
        shared: sharedOutputs(request.outputs),
      });
      queue.push(message);
      pump();
      blocked = full();
      return !blocked;
    },
    end() {
      if (done || ended) return;
      ended = true;
      pump();
    },
    cancel() {
      if (done) return;
      finish();
      call?.cancel();
    },
  };
}
