import { isStrainflowError, StrainflowError } from "@strainflow/series";
import type { CallLimits } from "../call-options.ts";
import type { InferResult, TritonCall, TritonListener, TritonRequest } from "../request.ts";
import type { StreamLimits } from "../streams/infer-call.ts";
import type { Link, ModelTarget } from "./link.ts";
import { type HealthOptions, type ServerState, watchHealth } from "./server-health.ts";

/** Ends a sequence on a server: whether nothing is left to do. */
export type EndOn = (link: Link, sequenceId: bigint | string) => Promise<boolean>;

/** One server, or several that serve the same models. */
export interface Servers {
  readonly states: readonly ServerState[];
  /** A question: asked of one healthy server, in turn; of the next where that cannot be reached. */
  ask<T>(question: (link: Link) => Promise<T>): Promise<T>;
  /** A change: made on each. @throws the first failure, after all have been told */
  tell(change: (link: Link) => Promise<unknown>): Promise<void>;
  /** A request outside of sequences goes to the servers in turn; one of a sequence to where that began. */
  infer(target: ModelTarget, request: TritonRequest, limits: CallLimits): Promise<InferResult>;
  /** A stream, to the healthy server with the fewest. */
  open(target: ModelTarget, limits: StreamLimits, listener: TritonListener, endOn: EndOn): TritonCall;
  /** Where a sequence is held, else any. */
  holderOf(target: ModelTarget, sequenceId: bigint | string): Link;
  close(): void;
}

/** Sequences whose server is remembered. */
const MAX_PINS = 65_536;

export function createServers(links: readonly Link[], options: HealthOptions): Servers {
  const states = links.map<ServerState>((link) => ({
    link,
    healthy: true,
    openStreams: 0,
    orphans: new Map(),
  }));
  const health = watchHealth(states, options);
  const several = states.length > 1;
  const pins = new Map<string, ServerState>();
  let turn = 0;

  /** All, those in good health first, each time beginning with another. */
  function inTurn(): ServerState[] {
    const first = turn++ % states.length;
    const round = [...states.slice(first), ...states.slice(0, first)];
    return [...round.filter((s) => s.healthy), ...round.filter((s) => !s.healthy)];
  }

  async function ask<T>(question: (link: Link) => Promise<T>): Promise<T> {
    let failure: unknown;
    for (const state of inTurn()) {
      try {
        return await question(state.link);
      } catch (error) {
        failure = error;
        if (!isStrainflowError(error, "server-unavailable")) throw error;
        health.suspect(state);
      }
    }
    throw failure;
  }

  function pin(key: string, state: ServerState): void {
    pins.delete(key);
    pins.set(key, state);
    if (pins.size <= MAX_PINS) return;
    const [oldest] = pins.keys();
    if (oldest !== undefined) pins.delete(oldest);
  }

  async function inferInSequence(
    target: ModelTarget,
    request: TritonRequest,
    limits: CallLimits,
  ): Promise<InferResult> {
    const { id, start, end } = request.sequence!;
    const key = sequenceKey(target, id);
    const state = start ? inTurn()[0]! : (pins.get(key) ?? inTurn()[0]!);
    if (start) pin(key, state);
    try {
      const result = await state.link.infer(target, request, limits);
      if (end) pins.delete(key);
      return result;
    } catch (error) {
      if (isStrainflowError(error, "server-unavailable")) {
        health.suspect(state);
        throw new StrainflowError(
          "sequence-lost",
          `sequence ${id} of model "${target.name}" was held by ${state.link.address}, which is gone; begin a new one`,
          {
            cause: error,
            details: {
              address: state.link.address,
              modelName: target.name,
              requestId: request.id,
              sequenceId: id,
            },
          },
        );
      }
      throw error;
    }
  }

  /** A stream that remembers where its sequences are, and ends those that another server holds there. */
  function openOn(
    state: ServerState,
    target: ModelTarget,
    limits: StreamLimits,
    listener: TritonListener,
    endOn: EndOn,
  ): TritonCall {
    let open = true;
    /** Requests with an END that is not answered yet, by sequence: until then the sequence is where it was. */
    const ending = new Map<string, string>();
    const leave = (): void => {
      if (open) state.openStreams--;
      open = false;
    };
    state.openStreams++;
    const call = state.link.open(target, limits, {
      ...(listener.borrows === undefined ? {} : { borrows: listener.borrows }),
      response(response) {
        for (const [key, requestId] of ending)
          if (requestId === response.id) {
            ending.delete(key);
            pins.delete(key);
          }
        listener.response(response);
      },
      drain: () => listener.drain?.(),
      lost(error) {
        leave();
        health.suspect(state);
        listener.lost(error);
      },
      closed() {
        leave();
        listener.closed?.();
      },
    });
    return {
      send(request) {
        const { sequence } = request;
        if (sequence !== undefined && (sequence.start || sequence.end)) {
          const key = sequenceKey(target, sequence.id);
          const holder = pins.get(key);
          if (sequence.end && !sequence.start && holder !== undefined && holder !== state)
            endElsewhere(holder, key, () => endOn(holder.link, sequence.id));
          ending.delete(key);
          if (sequence.start) pin(key, state);
          if (sequence.end) ending.set(key, request.id);
        }
        return call.send(request);
      },
      end: () => call.end(),
      cancel() {
        leave();
        call.cancel();
      },
    };
  }

  function endElsewhere(holder: ServerState, key: string, end: () => Promise<boolean>): void {
    pins.delete(key);
    holder.orphans.set(key, end);
    health.suspect(holder);
  }

  return {
    states,
    ask,
    async tell(change) {
      const results = await Promise.allSettled(links.map(change));
      for (const result of results) if (result.status === "rejected") throw result.reason;
    },
    infer: (target, request, limits) =>
      several && request.sequence !== undefined
        ? inferInSequence(target, request, limits)
        : request.sequence === undefined
          ? ask((link) => link.infer(target, request, limits))
          : states[0]!.link.infer(target, request, limits),
    open(target, limits, listener, endOn) {
      if (!several) return states[0]!.link.open(target, limits, listener);
      const chosen = inTurn().reduce((best, state) =>
        state.healthy === best.healthy && state.openStreams < best.openStreams ? state : best,
      );
      return openOn(chosen, target, limits, listener, endOn);
    },
    holderOf: (target, id) => (pins.get(sequenceKey(target, id)) ?? inTurn()[0]!).link,
    close() {
      health.close();
      for (const { link } of states) link.close();
    },
  };
}

function sequenceKey({ name }: ModelTarget, id: bigint | string): string {
  return `${typeof id}:${id}/${name}`;
}
