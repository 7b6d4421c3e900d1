import {
  type Block,
  checkContinues,
  convertIndexCeil,
  endOf,
  type Gap,
  type GapReason,
  type Quantity,
  reasonBeside,
  type SampleArray,
  type Step,
  type StepState,
  type Tensor,
} from "@strainflow/series";

/** A run of output that a {@link Core} has finished: values, or a reason why there are none. */
export type CoreChunk =
  | {
      /** Absolute index of the first output sample. */
      readonly start: number;
      readonly data: readonly SampleArray[];
      readonly side?: Readonly<Record<string, Tensor>>;
    }
  | { readonly start: number; readonly size: number; readonly reason: GapReason; readonly detail?: string };

/**
 * Arithmetic that knows of no gaps: contiguous samples in, contiguous samples out.
 *
 * What it gives may depend on absolute indexes, and never on how the input was cut into pushes.
 */
export interface Core {
  /** Forgets everything; the next input begins at sample `start`. */
  begin(start: number): void;
  /**
   * Takes the next `size` samples of every channel. `valid` is false where they are zeros that stand for a gap: the
   * wrapper drops outputs that touch them, but a statistic over a longer past (a PSD) must leave them out by itself.
   */
  push(data: readonly SampleArray[], size: number, valid: boolean): readonly CoreChunk[];
  save(): StepState;
  restore(state: StepState): void;
}

export interface CoverageOptions<Q extends Quantity> {
  /** Named in errors. */
  readonly where: string;
  readonly core: Core;
  /** Hz of the input. */
  readonly sampleRate: number;
  /** Hz of the output. Default: that of the input. */
  readonly outputRate?: number;
  readonly channels: readonly string[];
  readonly quantity: Q;
  /** Output at input sample `t` needs the input from `t − back` … */
  readonly back: number;
  /** … to `t + ahead`, both counted in input samples and included. */
  readonly ahead: number;
  /** By how many input samples more the core's blocks delay an output. Default 0. */
  readonly blocking?: number;
  /** Input samples after which nothing of the past is left in the core; at least `back`. Default: `back`. */
  readonly memory?: number | "unbounded";
}

interface Marked {
  start: number;
  end: number;
  reason: GapReason;
  detail: string | undefined;
}

interface State {
  core: StepState;
  last: { start: number; size: number; sampleRate: number; channels: readonly string[] } | undefined;
  covered: number;
  marked: Marked[];
}

const ZERO_RUN = 16_384;

/**
 * Makes a gap-aware step of a gapless core.
 *
 * - Coverage is unbroken: output begins where the input began, and what has no value is emitted as a gap with its reason.
 * - A gap shorter than the core's memory is filled with zeros, so that state and block grid go on; the outputs whose
 *   reach touches it are gaps: inside it with its own reason, beside it as `spoiled`.
 * - Past a gap of at least `memory` the core begins anew; if that is `"unbounded"`, past every gap.
 * - The first `back` samples are `warm-up`, the last `ahead` samples `edge`.
 */
export function createCoverage<Q extends Quantity>(options: CoverageOptions<Q>): Step<Block, Block<Q>> {
  const { where, core, sampleRate, channels, quantity, back, ahead } = options;
  const outputRate = options.outputRate ?? sampleRate;
  const blocking = options.blocking ?? 0;
  const memory = options.memory ?? back;
  const toOutput = (index: number): number => convertIndexCeil(index, sampleRate, outputRate);
  const zeros = channels.map(() => new Float64Array(ZERO_RUN));

  let last: Block | undefined;
  /** Output index up to which everything has been emitted. */
  let covered = 0;
  /** Outputs without a value, known in advance: disjoint, in order, none wholly before `covered`. */
  let marked: Marked[] = [];

  const gap = (start: number, end: number, reason: GapReason, detail?: string): Gap<Q> => ({
    kind: "gap",
    quantity,
    start,
    size: end - start,
    sampleRate: outputRate,
    channels,
    reason,
    ...(detail === undefined ? {} : { detail }),
  });

  /** Marks outputs; `over` wins over what stands there already, otherwise it only fills what is free. */
  function mark(
    start: number,
    end: number,
    reason: GapReason,
    detail: string | undefined,
    over: boolean,
  ): void {
    const from = Math.max(start, covered);
    if (from >= end) return;
    const fresh: Marked = { start: from, end, reason, detail };
    const kept: Marked[] = [];
    let pieces: Marked[] = [fresh];
    for (const old of marked) {
      if (over) {
        if (old.start < from) kept.push({ ...old, end: Math.min(old.end, from) });
        if (old.end > end) kept.push({ ...old, start: Math.max(old.start, end) });
      } else {
        kept.push(old);
        pieces = pieces.flatMap((piece) =>
          old.end <= piece.start || old.start >= piece.end
            ? [piece]
            : [
                { ...piece, end: Math.min(piece.end, old.start) },
                { ...piece, start: Math.max(piece.start, old.end) },
              ].filter((rest) => rest.end > rest.start),
        );
      }
    }
    marked = [...kept, ...pieces].filter((m) => m.end > m.start).sort((a, b) => a.start - b.start);
  }

  /** Emits what is marked, from `covered` on, as far as it reaches without a hole and not past `limit`. */
  function emitMarked(limit: number, out: Block<Q>[]): void {
    while (marked.length > 0) {
      const next = marked[0]!;
      if (next.end <= covered) {
        marked.shift();
        continue;
      }
      if (next.start > covered || covered >= limit) return;
      const end = Math.min(next.end, limit);
      out.push(gap(covered, end, next.reason, next.detail));
      covered = end;
    }
  }

  function emitChunk(chunk: CoreChunk, limit: number, out: Block<Q>[]): void {
    if (chunk.start >= limit) return;
    const chunkEnd = Math.min(
      limit,
      chunk.start + ("data" in chunk ? (chunk.data[0]?.length ?? 0) : chunk.size),
    );
    if (chunk.start > covered) {
      emitMarked(chunk.start, out);
      // A core that skips outputs has not seen enough for them.
      if (covered < chunk.start) {
        out.push(gap(covered, chunk.start, "warm-up"));
        covered = chunk.start;
      }
    }
    while (covered < chunkEnd) {
      emitMarked(chunkEnd, out);
      if (covered >= chunkEnd) return;
      const end = Math.min(chunkEnd, marked[0]?.start ?? chunkEnd);
      if ("data" in chunk) {
        const from = covered - chunk.start;
        const to = end - chunk.start;
        out.push({
          kind: "series",
          quantity,
          start: covered,
          size: end - covered,
          sampleRate: outputRate,
          channels,
          data:
            from === 0 && to === chunk.data[0]!.length
              ? chunk.data
              : chunk.data.map((a) => a.subarray(from, to)),
          ...(chunk.side === undefined ? {} : { side: chunk.side }),
        });
      } else out.push(gap(covered, end, chunk.reason, chunk.detail));
      covered = end;
    }
  }

  function feedZeros(size: number, limit: number, out: Block<Q>[]): void {
    for (let done = 0; done < size; done += ZERO_RUN) {
      const run = Math.min(ZERO_RUN, size - done);
      for (const chunk of core.push(
        run === ZERO_RUN ? zeros : zeros.map((z) => z.subarray(0, run)),
        run,
        false,
      ))
        emitChunk(chunk, limit, out);
    }
  }

  return {
    memory,
    latency: ahead + blocking,
    stride: sampleRate / outputRate,

    push(block: Block): readonly Block<Q>[] {
      checkContinues(where, last, block);
      const out: Block<Q>[] = [];
      const end = endOf(block);
      if (last === undefined) {
        covered = toOutput(block.start);
        core.begin(block.start);
        mark(covered, toOutput(block.start + back), "warm-up", undefined, false);
      }
      last = block;
      if (block.kind === "series") {
        for (const chunk of core.push(block.data, block.size, true))
          emitChunk(chunk, Number.POSITIVE_INFINITY, out);
      } else {
        mark(toOutput(block.start), toOutput(end), block.reason, block.detail, true);
        mark(
          toOutput(block.start - ahead),
          toOutput(end + back),
          reasonBeside(block.reason),
          undefined,
          false,
        );
        if (memory !== "unbounded" && block.size < memory + ahead + blocking) {
          feedZeros(block.size, Number.POSITIVE_INFINITY, out);
        } else {
          // Enough to bring out what still lies in the core's blocks; the rest of the gap changes nothing.
          feedZeros(ahead + blocking, toOutput(block.start), out);
          emitMarked(toOutput(end - ahead), out);
          core.begin(end);
        }
      }
      emitMarked(toOutput(end - ahead), out);
      return out;
    },

    flush(): readonly Block<Q>[] {
      if (last === undefined) return [];
      const out: Block<Q>[] = [];
      const end = endOf(last);
      const outputEnd = toOutput(end);
      mark(toOutput(end - ahead), outputEnd, "edge", undefined, false);
      feedZeros(ahead + blocking, outputEnd, out);
      emitMarked(outputEnd, out);
      if (covered < outputEnd) out.push(gap(covered, outputEnd, "edge"));
      covered = outputEnd;
      last = undefined;
      marked = [];
      return out;
    },

    save(): StepState {
      const state: State = {
        core: core.save(),
        last: last && {
          start: last.start,
          size: last.size,
          sampleRate: last.sampleRate,
          channels: last.channels,
        },
        covered,
        marked: marked.map((m) => ({ ...m })),
      };
      return state;
    },

    restore(saved: StepState): void {
      const state = saved as State;
      core.restore(state.core);
      last = state.last && { kind: "gap", quantity, reason: "missing", ...state.last };
      covered = state.covered;
      marked = state.marked.map((m) => ({ ...m }));
    },
  };
}
