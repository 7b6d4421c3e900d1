import { hdf5Error } from "./errors.ts";
import type { ChannelFacts } from "./facts.ts";
import { ifoIn } from "./ifo-name.ts";
import { attribute, datasetAt, isSeries, memberKind, namesIn, type OpenFile } from "./open-file.ts";
import { storageFacts } from "./storage.ts";
import { rateOf, startOf } from "./time-axis.ts";

/** gwpy writes at the root, or into one named group (`path=`); nothing is looked for deeper, or beyond this many names. */
const DEPTH = 2;
const NAMES = 4096;

/**
 * The channels of a gwpy or aframe file: every one-dimensional float dataset with `x0` (GPS s) and `dx` (s).
 *
 * gwpy: `TimeSeries.write(format="hdf5")`. aframe: its `background-*.hdf5`, one dataset per ifo.
 */
export function describeSeries(open: OpenFile): ChannelFacts[] {
  const found = seriesPaths(open, "", DEPTH, { left: NAMES }).map((path) => describeOne(open, path));
  const named = found.map(
    (facts) => ifoIn(facts.channel) ?? (found.length === 1 ? ifoIn(open.path) : undefined),
  );
  // Two channels of one detector keep their full names.
  return found.map((facts, i) => {
    const ifo = named[i];
    return ifo !== undefined && named.indexOf(ifo) === named.lastIndexOf(ifo)
      ? { ...facts, channel: ifo }
      : facts;
  });
}

function seriesPaths(open: OpenFile, group: string, depth: number, budget: { left: number }): string[] {
  const paths: string[] = [];
  for (const name of namesIn(open, group === "" ? "/" : group)) {
    if (budget.left-- <= 0) break;
    const path = group === "" ? name : `${group}/${name}`;
    const kind = memberKind(open, path);
    if (kind === "group" && depth > 1) paths.push(...seriesPaths(open, path, depth - 1, budget));
    if (kind !== "dataset" || !isSeries(datasetAt(open, path).metadata)) continue;
    if (attribute(open, path, "x0") !== undefined && attribute(open, path, "dx") !== undefined)
      paths.push(path);
  }
  return paths;
}

function describeOne(open: OpenFile, path: string): ChannelFacts {
  const storage = storageFacts(open, path);
  const sampleRate = rateOf(open, path, seconds(open, path, "dx"));
  const unit = attribute(open, path, "unit");
  return {
    ...storage,
    channel: nameOf(open, path),
    start: startOf(open, path, seconds(open, path, "x0"), sampleRate),
    sampleRate,
    unit: typeof unit === "string" ? unit : "",
    masks: [],
  };
}

/** The dataset's own name if it names a detector, else what `channel` or `name` says, else the dataset's name. */
function nameOf(open: OpenFile, path: string): string {
  const own = path.slice(path.lastIndexOf("/") + 1);
  if (ifoIn(own) !== undefined) return own;
  for (const source of ["channel", "name"]) {
    const said = attribute(open, path, source);
    if (typeof said === "string" && ifoIn(said) !== undefined) return said;
  }
  return own;
}

/** A time in seconds; gwpy writes it as a number, or as the decimal string of a LIGOTimeGPS. */
function seconds(open: OpenFile, dataset: string, name: string): number {
  const value = attribute(open, dataset, name);
  const number = typeof value === "string" && /^[\d.eE+-]+$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isFinite(number)) return number;
  throw hdf5Error(
    "hdf5-damaged",
    `${open.path}: ${dataset} has ${name} = ${String(value)}, which is no time in seconds`,
    {
      path: open.path,
      dataset,
      attribute: name,
    },
  );
}
