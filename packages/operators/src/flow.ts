import { type Flow, type FlowStage, nsToSeconds } from "@strainflow/series";

/** The source's side of a {@link Flow}. */
export interface FlowControl extends Flow {
  /**
   * Resolves when the source may read on: every stage that has joined has finished all but `maxAhead` seconds of what
   * was read, or has nothing to do without more input. Resolves at once when nobody has joined.
   */
  ready(readNs: bigint, signal: AbortSignal): Promise<void>;
}

interface Joined {
  covered: bigint;
  idle: boolean;
}

/**
 * Ties a source to the asynchronous stages behind it.
 *
 * @param maxAhead seconds of data between the source and the slowest stage
 */
export function createFlow(maxAhead: number): FlowControl {
  const stages = new Set<Joined>();
  /** Where the source began: what a stage that has finished nothing yet has covered. */
  let beginNs: bigint | undefined;
  let wake: (() => void) | undefined;

  const notify = (): void => {
    const waiting = wake;
    wake = undefined;
    waiting?.();
  };
  const mayRead = (readNs: bigint): boolean => {
    for (const stage of stages)
      if (!stage.idle && nsToSeconds(readNs - stage.covered) >= maxAhead) return false;
    return true;
  };

  return {
    join(): FlowStage {
      const stage: Joined = { covered: beginNs ?? 0n, idle: true };
      stages.add(stage);
      return {
        covered(gpsNs) {
          stage.covered = gpsNs;
          notify();
        },
        idle(isIdle) {
          if (stage.idle === isIdle) return;
          stage.idle = isIdle;
          if (isIdle) notify();
        },
        leave() {
          stages.delete(stage);
          notify();
        },
      };
    },
    async ready(readNs, signal) {
      beginNs ??= readNs;
      while (!signal.aborted && !mayRead(readNs)) {
        await new Promise<void>((resolve) => {
          const go = (): void => {
            signal.removeEventListener("abort", go);
            resolve();
          };
          wake = go;
          signal.addEventListener("abort", go);
        });
      }
    },
  };
}

/**
 * A block that tells a flow how far it has come.
 *
 * Not `{ ...block, flow }`: V8 makes a hidden class each time a property is added to a spread, and keeps it, and all that
 * the object holds, until its next full collection, which in a stream of small objects is far away.
 */
export function withFlow<B extends object>(block: B, flow: Flow): B & { readonly flow: Flow } {
  return Object.assign({}, block, { flow });
}

/** One flow that holds several sources: for an operator that merges streams. */
export function joinFlows(flows: Iterable<Flow>): Flow | undefined {
  const all = [...new Set(flows)];
  if (all.length < 2) return all[0];
  return {
    join(): FlowStage {
      const stages = all.map((flow) => flow.join());
      return {
        covered: (gpsNs) => stages.forEach((stage) => stage.covered(gpsNs)),
        idle: (isIdle) => stages.forEach((stage) => stage.idle(isIdle)),
        leave: () => stages.forEach((stage) => stage.leave()),
      };
    },
  };
}
