// Two sides, measured in turn within one run, so that whatever else the machine does falls on both.

/** The middle of some numbers; of an even count, the mean of the middle two. */
export function median(values) {
  if (values.length === 0) throw new RangeError("there is no median of nothing");
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Measures two sides `count` times each, by turns: which of them goes first changes from pair to pair, since a machine
 * that is warming up, or slowing down, favours whoever comes second, or first.
 *
 * @param ours,theirs each gives one number per call, or a promise of one
 */
export async function measurePairs(count, ours, theirs) {
  const pairs = [];
  for (let i = 0; i < count; i++) {
    const sides = i % 2 === 0 ? ["ours", "theirs"] : ["theirs", "ours"];
    const pair = {};
    for (const side of sides) pair[side] = await (side === "ours" ? ours() : theirs());
    pairs.push({ ours: pair.ours, theirs: pair.theirs });
  }
  return pairs;
}

/** Measures one side alone: there is nobody to measure against. */
export async function measureAlone(count, ours) {
  const samples = [];
  for (let i = 0; i < count; i++) samples.push({ ours: await ours() });
  return samples;
}

/**
 * The line of one benchmark. `ratio` is the median of the pairs' own ratios, and larger is always better: it is theirs
 * over ours where the unit is a cost. Without a peer it is null, and `note` says why.
 *
 * @param samples what {@link measurePairs} or {@link measureAlone} gave
 */
export function outcome({ name, unit, against, samples, goal = null, cost = false, note }) {
  const paired = samples.every(({ theirs }) => theirs !== undefined);
  const ratios = paired ? samples.map(({ ours, theirs }) => (cost ? theirs / ours : ours / theirs)) : [];
  const ratio = paired ? median(ratios) : null;
  return {
    name,
    value: median(samples.map(({ ours }) => ours)),
    unit,
    against: against ?? null,
    ratio,
    goal,
    met: goal === null || ratio === null ? null : ratio >= goal,
    samples,
    ...(note === undefined ? {} : { note }),
  };
}
