import { convertIndexCeil, type SampleArray, type StepState } from "@strainflow/series";
import type { Core, CoreChunk } from "./coverage.ts";
import { InputBuffer, type InputBufferState } from "./input-buffer.ts";
import { createResampleKernel } from "./resample-kernel.ts";
import { takeState } from "./step-state.ts";

interface State {
  readonly step: "resample";
  readonly next: number;
  readonly input: InputBufferState;
}

export interface ResampleCoreOptions {
  readonly taps: Float64Array;
  readonly up: number;
  readonly down: number;
  readonly ahead: number;
  readonly inputRate: number;
  readonly outputRate: number;
  readonly channels: number;
}

/** Seconds of input that are filtered in one go, so that a push of hours needs no second copy of them. */
const GO_LENGTH = 4;

/** Resampling in any ratio, without regard to gaps: every output is a sum over the taps that meet a sample. */
export function createResampleCore(options: ResampleCoreOptions): Core {
  const { taps, up, down, ahead, inputRate, outputRate, channels } = options;
  const kernel = createResampleKernel(taps, up, down, ahead);
  const input = new InputBuffer(channels);
  let next = 0;
  return {
    begin(start: number): void {
      next = convertIndexCeil(start, inputRate, outputRate);
      const { first } = kernel.span(next);
      input.begin(Math.min(first, start));
      input.appendZeros(start - input.start);
    },
    push(data: readonly SampleArray[], size: number): readonly CoreChunk[] {
      const chunks: CoreChunk[] = [];
      for (let from = 0; from < size; from += GO_LENGTH * inputRate) {
        input.append(data, from, Math.min(size, from + GO_LENGTH * inputRate));
        let end = Math.max(next, convertIndexCeil(input.end - Math.ceil(ahead / up), inputRate, outputRate));
        while (end > next && kernel.span(end - 1).last >= input.end) end--;
        if (end === next) continue;
        const start = next;
        chunks.push({
          start,
          data: Array.from({ length: channels }, (_, channel) => {
            const output = new Float64Array(end - start);
            kernel.apply(input.array(channel), input.origin, start, end, output);
            return output;
          }),
        });
        next = end;
        input.forgetBefore(kernel.span(next).first);
      }
      return chunks;
    },
    save(): StepState {
      const state: State = { step: "resample", next, input: input.save() };
      return state;
    },
    restore(saved: StepState): void {
      const state = takeState<State>("resample", saved);
      next = state.next;
      input.restore(state.input);
    },
  };
}
