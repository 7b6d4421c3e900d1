import { setTimeout as sleep } from "node:timers/promises";
import type { Disturbed } from "./disturbed-stream.ts";
import type { PlannedFault } from "./faults.ts";
import type { Toxic, ToxicRoad } from "./toxiproxy.ts";

const isReset = ({ type }: Toxic): boolean => type === "reset_peer";

/**
 * Lays what the next reset needs. toxiproxy resets a connection, instead of closing it, only if the toxic was there when
 * the connection was made: so it is laid without grip while the one before is still in use.
 */
async function layReset(fault: PlannedFault | undefined, road: ToxicRoad): Promise<void> {
  for (const toxic of fault?.toxics.filter(isReset) ?? []) await road.add({ ...toxic, toxicity: 0 });
}

/** Prepares a road for a plan, before any connection is made on it. */
export async function layPlan(plan: readonly PlannedFault[], road: ToxicRoad): Promise<void> {
  await layReset(
    plan.find(({ kind }) => kind.ends !== "not"),
    road,
  );
}

/** Lets faults strike a stream, one after the other: each when the one before it has been made good. */
export async function strike(
  plan: readonly PlannedFault[],
  road: ToxicRoad,
  stream: Disturbed,
): Promise<void> {
  const ending = plan.filter(({ kind }) => kind.ends !== "not");
  for (const fault of plan) {
    const { kind, toxics, number } = fault;
    const what = `fault ${number} (${kind.name})`;
    const [ends, resets] = [kind.ends !== "not", toxics.some(isReset)];
    const next = ends ? ending[ending.indexOf(fault) + 1] : undefined;
    await stream.progress(fault.afterSamples, `before ${what}`);
    await sleep(fault.afterMs);
    if (!resets) await layReset(next, road);
    const [losses, recoveries] = [stream.losses(), stream.recoveries()];
    for (const toxic of toxics) await (resets ? road.grip(toxic, 1) : road.add(toxic));
    if (ends) await stream.until(() => stream.losses() > losses, `${what} to be noticed`);
    await sleep(fault.lastsMs);
    const stays = resets && next?.toxics.some(isReset) === true;
    for (const toxic of [...toxics].reverse()) await (stays ? road.grip(toxic, 0) : road.remove(toxic));
    if (ends) await stream.until(() => stream.recoveries() > recoveries, `${what} to be made good`);
  }
}
