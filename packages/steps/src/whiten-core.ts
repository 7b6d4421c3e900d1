import { createRealFft } from "@strainflow/fft";
import type { SampleArray, StepState, Tensor } from "@strainflow/series";
import type { Core, CoreChunk } from "./coverage.ts";
import { InputBuffer, type InputBufferState } from "./input-buffer.ts";
import { createOverlapSave } from "./overlap-save.ts";
import { RollingPsd, type RollingPsdState } from "./psd-rolling.ts";
import { takeState } from "./step-state.ts";
import { whitenBias } from "./whiten-bias.ts";
import { createResponse, createWhitenFilter } from "./whiten-filter.ts";
import type { StreamWhitenSizes } from "./whiten-options.ts";

export interface WhitenCoreOptions {
  readonly sizes: StreamWhitenSizes;
  /** How often the inverse ASD is applied: 1 whitens, 2 divides by the PSD. */
  readonly order: 1 | 2;
  /** Units of the input that make one unit inside; matters to order 2 only. */
  readonly unit: number;
  /** Bins of the `inverse_psd` beside each block, from 0 to Nyquist; 0: no such tensor. */
  readonly psdBins: number;
}

interface State {
  readonly step: "whiten";
  readonly begun: number;
  readonly nextBlock: number;
  readonly input: InputBufferState;
  readonly psd: RollingPsdState;
}

/** What a PSD has become: responses to multiply spectra by, or the reason why there is none. */
interface Filters {
  readonly g: number;
  readonly responses: readonly Float64Array[];
  readonly side?: Readonly<Record<string, Tensor>>;
  readonly refusal?: { readonly reason: "warm-up" | "not-ready"; readonly detail?: string };
}

/**
 * Rolling PSD and zero-phase filter, without regard to gaps.
 *
 * Blocks of output begin at absolute multiples of `blockSize`, and each is filtered by the PSD of the past before the
 * PSD-stride that it lies in. So the same bytes come out for any chunking.
 */
export function createWhitenCore(options: WhitenCoreOptions): Core & { readonly reachSize: number } {
  const { sizes, order, unit, psdBins } = options;
  const { sampleRate, channels, blockSize, psdStrideSize } = sizes;
  const rolling = new RollingPsd({ ...sizes, channels: channels.length, strideSize: psdStrideSize });
  const design = createWhitenFilter(sizes);
  const reachSize = order * design.reachSize;
  const blocks = createOverlapSave(blockSize, reachSize);
  const respond = createResponse(blocks.fft);
  const sample = psdBins === 0 ? undefined : createResponse(createRealFft(2 * (psdBins - 1)));
  const biasOf = (segments: number): { readonly whitened: number; readonly overWhitened: number } =>
    sizes.biasCorrection ? whitenBias(biasOptions(sizes, segments)) : { whitened: 1, overWhitened: 1 };
  // Simulated now rather than in the middle of the stream.
  biasOf(rolling.expected(0));

  const input = new InputBuffer(channels.length);
  const psds = channels.map(() => new Float64Array(rolling.bins));
  const taps = new Float64Array(design.reachSize);
  const sampled = new Float64Array(psdBins);
  const responses = channels.map(() => new Float64Array(blocks.fft.bins));
  let begun = 0;
  let nextBlock = 0;
  let filters: Filters | undefined;

  function makeFilters(g: number): Filters {
    const segments = rolling.estimate(g, psds);
    if (segments === 0) return { g, responses, refusal: { reason: "warm-up" } };
    const dead = psds.findIndex((psd) => !isUsable(psd, sizes));
    if (dead >= 0) {
      const detail = `the spectrum of ${channels[dead]} is zero somewhere in the pass band`;
      return { g, responses, refusal: { reason: "not-ready", detail } };
    }
    const bias = biasOf(segments);
    const inversePsd = new Float32Array(channels.length * psdBins);
    psds.forEach((psd, channel) => {
      const response = responses[channel]!;
      design.design(psd, taps);
      respond(taps, response);
      if (order === 1) {
        const scale = Math.sqrt(2 / sampleRate) * bias.whitened;
        for (let k = 0; k < response.length; k++) response[k] = response[k]! * scale;
        return;
      }
      const scale = bias.overWhitened * unit;
      for (let k = 0; k < response.length; k++) response[k] = response[k]! * response[k]! * scale;
      sample?.(taps, sampled);
      for (let k = 0; k < psdBins; k++)
        inversePsd[channel * psdBins + k] = sampled[k]! * sampled[k]! * scale * unit;
    });
    if (psdBins === 0) return { g, responses };
    const tensor: Tensor = { datatype: "FP32", shape: [channels.length, psdBins], data: inversePsd };
    return { g, responses, side: { inverse_psd: tensor } };
  }

  /** Output `[start, end)`, whole blocks but for a first one that begins with the stream, all under one PSD. */
  function produce(start: number, end: number): CoreChunk {
    const g = Math.floor(start / psdStrideSize);
    if (filters?.g !== g) filters = makeFilters(g);
    const { side, refusal } = filters;
    if (refusal !== undefined) return { start, size: end - start, ...refusal };
    const from = Math.floor(start / blockSize) * blockSize;
    const data = responses.map((response, channel) => {
      const output = new Float32Array(end - from);
      const samples = input.array(channel);
      for (let at = from; at < end; at += blockSize)
        blocks.filter(samples, at - reachSize - input.origin, response, output, at - from);
      return from === start ? output : output.subarray(start - from);
    });
    return side === undefined ? { start, data } : { start, data, side };
  }

  function emit(chunks: CoreChunk[]): void {
    const available = Math.floor((input.end - reachSize) / blockSize);
    while (nextBlock < available) {
      const strideEnd = (Math.floor((nextBlock * blockSize) / psdStrideSize) + 1) * psdStrideSize;
      const end = Math.min(available * blockSize, strideEnd);
      chunks.push(produce(Math.max(nextBlock * blockSize, begun), end));
      nextBlock = end / blockSize;
    }
    rolling.forgetBefore(Math.floor((nextBlock * blockSize) / psdStrideSize));
    input.forgetBefore(Math.min(nextBlock * blockSize - reachSize, rolling.needsFrom));
  }

  return {
    reachSize,

    begin(start: number): void {
      begun = start;
      nextBlock = Math.floor(start / blockSize);
      filters = undefined;
      const from = nextBlock * blockSize - reachSize;
      input.begin(from);
      input.appendZeros(start - from);
      rolling.begin(start);
    },

    push(data: readonly SampleArray[], size: number, valid: boolean): readonly CoreChunk[] {
      const chunks: CoreChunk[] = [];
      for (let from = 0; from < size; from += psdStrideSize) {
        input.append(data, from, Math.min(size, from + psdStrideSize));
        rolling.update(input, valid);
        emit(chunks);
      }
      return chunks;
    },

    save(): StepState {
      const state: State = { step: "whiten", begun, nextBlock, input: input.save(), psd: rolling.save() };
      return state;
    },

    restore(saved: StepState): void {
      const state = takeState<State>("whiten", saved);
      begun = state.begun;
      nextBlock = state.nextBlock;
      filters = undefined;
      input.restore(state.input);
      rolling.restore(state.psd);
    },
  };
}

/** What the bias of a PSD of `segments` segments depends on. */
export function biasOptions(sizes: StreamWhitenSizes, segments: number): Parameters<typeof whitenBias>[0] {
  const { sampleRate, fftSize, filterSize, highpass, lowpass, hopSize, average, detrend } = sizes;
  return { sampleRate, fftSize, filterSize, highpass, lowpass, hopSize, average, detrend, segments };
}

/** Whether the inverse of a PSD is a number everywhere in the pass band: a dead channel's is not. */
function isUsable(psd: Float64Array, { highpass, lowpass, fftSize, sampleRate }: StreamWhitenSizes): boolean {
  const df = sampleRate / fftSize;
  const last = Math.min(Math.floor(lowpass / df), psd.length - 1);
  for (let k = Math.floor(highpass / df); k < last; k++) if (!(psd[k]! > 0)) return false;
  return true;
}
