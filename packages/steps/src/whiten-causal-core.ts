import type { SampleArray, StepState } from "@strainflow/series";
import { type CausalKernel, createCausalConvolution } from "./causal-convolution.ts";
import type { Core, CoreChunk } from "./coverage.ts";
import { InputBuffer, type InputBufferState } from "./input-buffer.ts";
import { minimumPhaseBias } from "./minimum-phase-bias.ts";
import { RollingPsd, type RollingPsdState } from "./psd-rolling.ts";
import { takeState } from "./step-state.ts";
import { biasOptions } from "./whiten-core.ts";
import { createMinimumPhaseDesign } from "./whiten-minimum-phase.ts";
import type { StreamWhitenSizes } from "./whiten-options.ts";

const STEP = "whiten-minimum-phase";

interface State {
  readonly step: typeof STEP;
  readonly begun: number;
  readonly next: number;
  readonly input: InputBufferState;
  readonly psd: RollingPsdState;
}

/** What a PSD has become: a filter for each channel, or the reason why there is none. */
interface Filters {
  readonly g: number;
  readonly kernels: readonly CausalKernel[];
  readonly refusal?: { readonly reason: "warm-up" | "not-ready"; readonly detail?: string };
}

/**
 * Rolling PSD and minimum-phase filter, without regard to gaps.
 *
 * The grid is that of the zero-phase core: blocks of output begin at absolute multiples of `blockSize`, and each is
 * filtered by the PSD of the past before the PSD-stride that it lies in, so that the filter changes there and nowhere
 * else. The filter reaches back by `filterSize` − 1 samples and not ahead.
 */
export function createCausalWhitenCore(sizes: StreamWhitenSizes): Core {
  const { sampleRate, channels, blockSize, filterSize, psdStrideSize } = sizes;
  const past = filterSize - 1;
  const rolling = new RollingPsd({ ...sizes, channels: channels.length, strideSize: psdStrideSize });
  const design = createMinimumPhaseDesign(rolling.bins, {
    sampleRate,
    filterLength: filterSize / sampleRate,
    highpass: sizes.highpass,
    lowpass: sizes.lowpass,
  });
  const convolution = createCausalConvolution(blockSize, filterSize);
  const biasOf = (segments: number): number =>
    sizes.biasCorrection ? minimumPhaseBias(biasOptions(sizes, segments)) : 1;
  // Simulated now rather than in the middle of the stream.
  biasOf(rolling.expected(0));

  const input = new InputBuffer(channels.length);
  const psds = channels.map(() => new Float64Array(rolling.bins));
  let begun = 0;
  /** Where the next block of output begins. */
  let next = 0;
  let filters: Filters | undefined;

  function makeFilters(g: number): Filters {
    const segments = rolling.estimate(g, psds);
    if (segments === 0) return { g, kernels: [], refusal: { reason: "warm-up" } };
    const taps = psds.map(design);
    const dead = taps.findIndex((values) => !values.every(Number.isFinite));
    if (dead >= 0) {
      const detail = `the spectrum of ${channels[dead]} is zero somewhere in the pass band`;
      return { g, kernels: [], refusal: { reason: "not-ready", detail } };
    }
    const factor = biasOf(segments);
    return { g, kernels: taps.map((values) => convolution.prepare(values.map((tap) => tap * factor))) };
  }

  /** Output `[from, end)`, whole blocks under one PSD, without what comes before the stream began. */
  function produce(from: number, end: number): CoreChunk {
    const g = Math.floor(from / psdStrideSize);
    if (filters?.g !== g) filters = makeFilters(g);
    const start = Math.max(from, begun);
    if (filters.refusal !== undefined) return { start, size: end - start, ...filters.refusal };
    const data = filters.kernels.map((kernel, channel) => {
      const output = new Float32Array(end - from);
      const samples = input.array(channel);
      for (let at = from; at < end; at += blockSize)
        convolution.filter(samples, at - input.origin, kernel, output, at - from);
      return from === start ? output : output.subarray(start - from);
    });
    return { start, data };
  }

  return {
    begin(start: number): void {
      begun = start;
      next = Math.floor(start / blockSize) * blockSize;
      filters = undefined;
      input.begin(next - past);
      input.appendZeros(start - next + past);
      rolling.begin(start);
    },

    push(data: readonly SampleArray[], size: number, valid: boolean): readonly CoreChunk[] {
      const chunks: CoreChunk[] = [];
      for (let from = 0; from < size; from += psdStrideSize) {
        input.append(data, from, Math.min(size, from + psdStrideSize));
        rolling.update(input, valid);
        const available = Math.floor(input.end / blockSize) * blockSize;
        while (next < available) {
          const strideEnd = (Math.floor(next / psdStrideSize) + 1) * psdStrideSize;
          const end = Math.min(available, strideEnd);
          chunks.push(produce(next, end));
          next = end;
        }
        rolling.forgetBefore(Math.floor(next / psdStrideSize));
        input.forgetBefore(Math.min(next - past, rolling.needsFrom));
      }
      return chunks;
    },

    save(): StepState {
      const state: State = { step: STEP, begun, next, input: input.save(), psd: rolling.save() };
      return state;
    },

    restore(saved: StepState): void {
      const state = takeState<State>(STEP, saved);
      begun = state.begun;
      next = state.next;
      filters = undefined;
      input.restore(state.input);
      rolling.restore(state.psd);
    },
  };
}
