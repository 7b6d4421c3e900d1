/** A request without an answer. */
export interface PendingRequest {
  readonly id: string;
  readonly size: number;
  readonly sequenceId: bigint | string | undefined;
  /** `performance.now()` of `send`. */
  readonly sentAt: number;
  /** Outputs that go to shared memory. */
  readonly shared: ReadonlySet<string> | undefined;
}

/** What a stream has sent and not got an answer to, in order. */
export interface InFlight {
  readonly count: number;
  readonly bytes: number;
  /** The oldest. */
  readonly oldest: PendingRequest | undefined;
  has(id: string): boolean;
  add(request: PendingRequest): void;
  /**
   * Takes out the request that an answer belongs to: the one of its id, or the oldest where the server gave none
   * (answers come in the order of requests).
   */
  settle(id: string): PendingRequest | undefined;
  /** The request that an answer belongs to, without taking it out. */
  find(id: string): PendingRequest | undefined;
}

export function createInFlight(): InFlight {
  const pending = new Map<string, PendingRequest>();
  let bytes = 0;
  const oldest = (): PendingRequest | undefined => {
    for (const request of pending.values()) return request;
    return undefined;
  };
  const find = (id: string): PendingRequest | undefined => (id === "" ? oldest() : pending.get(id));
  return {
    get count() {
      return pending.size;
    },
    get bytes() {
      return bytes;
    },
    get oldest() {
      return oldest();
    },
    has: (id) => pending.has(id),
    add(request) {
      pending.set(request.id, request);
      bytes += request.size;
    },
    find,
    settle(id) {
      const request = find(id);
      if (request === undefined) return undefined;
      pending.delete(request.id);
      bytes -= request.size;
      return request;
    },
  };
}
