import { invalidOption } from "@strainflow/series";
import { createRandom } from "./random.ts";
import type { ShotPlan } from "./shot-plan.ts";
import type { Shot } from "./target.ts";

/** Requests in sequences. */
export interface SequenceOptions {
  /** Sequences that are open at a time, where the load is a rate. Default 4. With a concurrency: so many are. */
  readonly count?: number;
  /** Requests of a sequence. Default 20; where the data have sequences themselves, theirs. */
  readonly length?: number;
  /** How far lengths lie around it, as a share of it, evenly. Default 0.2 (of the data's own lengths: 0). */
  readonly lengthVariation?: number;
  /**
   * The first id; each sequence takes the next one. Default: somewhere at random, so that two who test one server do not
   * send into each other's sequences.
   */
  readonly startId?: number;
  /** Ids before the first one is taken again. Default 2³² − 1. */
  readonly idRange?: number;
  /** Ids are strings that begin with this. Default: whole numbers. */
  readonly idPrefix?: string;
}

/** All of it, as generators need it. */
export interface SequenceRules {
  readonly count: number;
  readonly length: number | undefined;
  readonly lengthVariation: number;
  readonly startId: number;
  readonly idRange: number;
  readonly idPrefix: string | undefined;
  /** The next request of a sequence waits for the answer to the last one. */
  readonly serial: boolean;
}

/** @throws `invalid-option` */
export function sequenceRules(
  options: SequenceOptions,
  facts: { readonly dataHasSequences: boolean; readonly serial: boolean; readonly most: number },
): SequenceRules {
  const { count = 4, idRange = 2 ** 32 - 1, idPrefix } = options;
  const length = options.length ?? (facts.dataHasSequences ? undefined : 20);
  const { lengthVariation = length === undefined ? 0 : 0.2 } = options;
  const startId = options.startId ?? 1 + Math.floor(Math.random() * 2 ** 40);
  const whole = (option: string, value: number, least: number): void => {
    if (!Number.isSafeInteger(value) || value < least)
      throw invalidOption("loadTest", `sequences.${option}`, value, `a whole number of at least ${least}`);
  };
  whole("count", count, 1);
  if (length !== undefined) whole("length", length, 1);
  whole("startId", startId, 1);
  const most = Math.max(facts.most, count);
  whole("idRange", idRange, 1);
  if (idRange < most)
    throw invalidOption(
      "loadTest",
      "sequences.idRange",
      idRange,
      `at least ${most}: as many are open at a time`,
    );
  if (!(lengthVariation >= 0 && lengthVariation <= 1))
    throw invalidOption("loadTest", "sequences.lengthVariation", lengthVariation, "from 0 to 1");
  return { count, length, lengthVariation, startId, idRange, idPrefix, serial: facts.serial };
}

interface Slot {
  readonly id: bigint | string;
  readonly number: number;
  readonly stream: number;
  readonly length: number;
  position: number;
  busy: number;
}

/** Requests in sequences: `sizes` are the numbers of steps of each stream of the data. */
export function createSequencePlan(
  rules: SequenceRules,
  sizes: readonly number[],
  { index, of, seed }: { readonly index: number; readonly of: number; readonly seed: number },
): ShotPlan {
  const random = createRandom(seed + index);
  const owners = new Map<bigint | string, Slot>();
  let slots: (Slot | undefined)[] = [];
  let begun = 0;
  let turn = 0;
  let serial = rules.serial;

  function open(): Slot {
    // Each generator has its own ids: those that leave the same remainder.
    const most = Math.max(1, Math.floor((rules.idRange - 1 - index) / of) + 1);
    let id: bigint | string;
    let number: number;
    do {
      number = index + (begun++ % most) * of;
      id =
        rules.idPrefix === undefined
          ? BigInt(rules.startId + number)
          : `${rules.idPrefix}${rules.startId + number}`;
    } while (owners.has(id) && owners.size < most);
    const stream = number % sizes.length;
    const mean = rules.length ?? sizes[stream] ?? 1;
    const spread = mean * rules.lengthVariation * (2 * random() - 1);
    const slot: Slot = {
      id,
      number,
      stream,
      length: Math.max(1, Math.round(mean + spread)),
      position: 0,
      busy: 0,
    };
    owners.set(id, slot);
    return slot;
  }

  function shotOf(slot: Slot, last: boolean): Shot {
    const { id, stream, position } = slot;
    const end = last || position === slot.length - 1;
    slot.position = end ? slot.length : position + 1;
    slot.busy++;
    return {
      stream,
      step: position % (sizes[stream] ?? 1),
      position,
      sequence: { id, start: position === 0, end },
    };
  }

  return {
    next() {
      for (let tried = 0; tried < slots.length; tried++) {
        const place = turn++ % slots.length;
        let slot = slots[place];
        if (slot === undefined || slot.position >= slot.length) {
          // One that has sent its END is still under way: another may begin only where order is the stream's.
          if (slot !== undefined && slot.busy > 0 && serial) continue;
          slot = open();
          slots[place] = slot;
        }
        if (serial && slot.busy > 0) continue;
        return shotOf(slot, false);
      }
      return undefined;
    },
    done({ sequence }) {
      const slot = sequence === undefined ? undefined : owners.get(sequence.id);
      if (slot === undefined) return;
      slot.busy--;
      if (slot.busy <= 0 && slot.position >= slot.length) owners.delete(slot.id);
    },
    ends() {
      return slots.flatMap((slot) => {
        const open = slot !== undefined && slot.position > 0 && slot.position < slot.length;
        return open && !(serial && slot.busy > 0) ? [shotOf(slot, true)] : [];
      });
    },
    resize(count, oneAtATime) {
      serial = rules.serial || oneAtATime;
      slots = Array.from({ length: count }, () => undefined);
      // What was given up in the last load may stay busy for ever in here.
      owners.clear();
    },
  };
}
