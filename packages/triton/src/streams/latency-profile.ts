/** How long answers took, in milliseconds from `send` to the response. Quantiles are good to 1 %. */
export interface LatencyProfile {
  readonly count: number;
  readonly minMs: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** Counts durations in buckets whose width grows with them. */
export interface LatencyHistogram {
  record(ms: number): void;
  /** Nothing where nothing was recorded. */
  profile(): LatencyProfile | undefined;
}

/*
 * Each octave from 1 µs to 2^31 µs (36 minutes) has 64 buckets: the middle of a bucket is within 0.8 % of what fell
 * into it. All of it takes 8 KiB.
 */
const BUCKETS_PER_OCTAVE = 64;
const OCTAVES = 31;

export function createLatencyHistogram(): LatencyHistogram {
  const counts = new Uint32Array(BUCKETS_PER_OCTAVE * OCTAVES);
  let count = 0;
  let sumMs = 0;
  let minMs = Number.POSITIVE_INFINITY;
  let maxMs = 0;

  function quantileMs(q: number): number {
    const rank = Math.max(1, Math.ceil(q * count));
    let seen = 0;
    for (let i = 0; i < counts.length; i++) {
      seen += counts[i]!;
      if (seen >= rank) return Math.min(maxMs, Math.max(minMs, middleMs(i)));
    }
    return maxMs;
  }

  return {
    record(ms) {
      counts[bucketOf(ms)]!++;
      count++;
      sumMs += ms;
      if (ms < minMs) minMs = ms;
      if (ms > maxMs) maxMs = ms;
    },
    profile() {
      if (count === 0) return undefined;
      return {
        count,
        minMs,
        meanMs: sumMs / count,
        p50Ms: quantileMs(0.5),
        p90Ms: quantileMs(0.9),
        p99Ms: quantileMs(0.99),
        p999Ms: quantileMs(0.999),
        maxMs,
      };
    },
  };
}

function bucketOf(ms: number): number {
  const micros = Math.max(1, ms * 1000);
  const octave = Math.min(OCTAVES - 1, 31 - Math.clz32(Math.min(micros, 2 ** 31 - 1)));
  const within = Math.floor((micros / 2 ** octave - 1) * BUCKETS_PER_OCTAVE);
  return octave * BUCKETS_PER_OCTAVE + Math.min(BUCKETS_PER_OCTAVE - 1, within);
}

function middleMs(bucket: number): number {
  const octave = Math.floor(bucket / BUCKETS_PER_OCTAVE);
  const within = bucket % BUCKETS_PER_OCTAVE;
  return (2 ** octave * (1 + (within + 0.5) / BUCKETS_PER_OCTAVE)) / 1000;
}

/** Of one model: all of its answers together, and those of each sequence. */
export interface LatencyBook {
  record(sequenceId: bigint | string | undefined, ms: number): void;
  /** Without an id: of all answers. */
  profile(sequenceId?: bigint | string): LatencyProfile | undefined;
}

/** Sequences that are remembered; past them the one that began first is forgotten. */
const MAX_SEQUENCES = 256;

export function createLatencyBook(): LatencyBook {
  const all = createLatencyHistogram();
  const sequences = new Map<bigint | string, LatencyHistogram>();
  return {
    record(sequenceId, ms) {
      all.record(ms);
      if (sequenceId === undefined) return;
      let histogram = sequences.get(sequenceId);
      if (histogram === undefined) {
        histogram = createLatencyHistogram();
        sequences.set(sequenceId, histogram);
        if (sequences.size > MAX_SEQUENCES) {
          const [first] = sequences.keys();
          if (first !== undefined) sequences.delete(first);
        }
      }
      histogram.record(ms);
    },
    profile: (sequenceId) => (sequenceId === undefined ? all : sequences.get(sequenceId))?.profile(),
  };
}
