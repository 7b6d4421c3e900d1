/** How one call may be limited. */
export interface CallOptions {
  /**
   * Milliseconds until the call is given up, on our side and (gRPC) on the server's. Default: `callTimeoutMs` of the
   * client. Apart from it stands a request's `queueTimeoutMs`, which is Triton's own limit on waiting in its queue.
   */
  readonly timeoutMs?: number;
  /** Gives the call up: it rejects with `aborted`, and the server is told. */
  readonly signal?: AbortSignal;
  /** Sent with this call, over those of the client. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Call options with the limit filled in. */
export interface CallLimits extends CallOptions {
  readonly timeoutMs: number;
}

export function callLimits(options: CallOptions | undefined, timeoutMs: number): CallLimits {
  return { timeoutMs, ...options };
}
