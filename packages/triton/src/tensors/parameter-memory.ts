import type { ParameterValue } from "../request.ts";
import { WireReader } from "../transport/wire.ts";
import { copyOf, sameBytes } from "./known-bytes.ts";
import { readParameter } from "./parameter-codec.ts";

type Parameters = Readonly<Record<string, ParameterValue>>;

/** Reads the parameters of message after message, of which few ever differ: what was read once is known by its bytes. */
export interface ParameterMemory {
  /** Another message begins. */
  clear(): void;
  /** The entry in `bytes[start … end)`. @throws RangeError where it is none */
  add(bytes: Buffer, start: number, end: number): void;
  /** The entries that were added, together; the same object for the same entries. */
  settled(): Parameters;
}

interface KnownEntry {
  readonly source: Uint8Array;
  readonly entry: [name: string, value: ParameterValue];
  /** Bits of the other entries of the same name. */
  rivals: number;
}

/** Bits of a number that tell which entries there were. */
const MAX_ENTRIES = 30;

/* Sets of entries that were seen, before all is forgotten. */
const MAX_SETS = 256;

const NO_PARAMETERS: Parameters = {};

export function createParameterMemory(): ParameterMemory {
  /** In whatever order: a map's entries come in another one each time. */
  let known: KnownEntry[] = [];
  const sets = new Map<number, Parameters>();
  let present = 0;
  /** More entries than are remembered, or one twice. */
  let unusual: [string, ParameterValue][] | undefined;

  function place(bytes: Buffer, start: number, end: number): number {
    for (let i = 0; i < known.length; i++) if (sameBytes(known[i]!.source, bytes, start, end)) return i;
    return -1;
  }

  function read(bytes: Buffer, start: number, end: number): [string, ParameterValue] {
    return readParameter(new WireReader().reset(bytes, start, end));
  }

  function remember(bytes: Buffer, start: number, end: number): number {
    const entry = read(bytes, start, end);
    const i = known.length;
    let rivals = 0;
    for (const [k, other] of known.entries())
      if (other.entry[0] === entry[0]) {
        rivals |= 1 << k;
        other.rivals |= 1 << i;
      }
    known.push({ source: copyOf(bytes, start, end), entry, rivals });
    return i;
  }

  function entries(): [string, ParameterValue][] {
    return known.filter((_, i) => (present & (1 << i)) !== 0).map(({ entry }) => entry);
  }

  return {
    clear() {
      present = 0;
      unusual = undefined;
      if (known.length < MAX_ENTRIES && sets.size < MAX_SETS) return;
      known = [];
      sets.clear();
    },
    add(bytes, start, end) {
      if (unusual !== undefined) {
        unusual.push(read(bytes, start, end));
        return;
      }
      let i = place(bytes, start, end);
      if (i < 0 && known.length < MAX_ENTRIES) i = remember(bytes, start, end);
      const bit = 1 << i;
      if (i < 0 || (present & (bit | known[i]!.rivals)) !== 0)
        unusual = [...entries(), read(bytes, start, end)];
      else present |= bit;
    },
    settled() {
      if (unusual !== undefined) return Object.fromEntries(unusual);
      if (present === 0) return NO_PARAMETERS;
      let parameters = sets.get(present);
      if (parameters === undefined) {
        parameters = Object.fromEntries(entries());
        sets.set(present, parameters);
      }
      return parameters;
    },
  };
}
