import { convertIndexCeil, type SampleArray, type StepState } from "@strainflow/series";
import type { Core, CoreChunk } from "./coverage.ts";
import { createDecimateBlocks } from "./decimate-blocks.ts";
import { InputBuffer, type InputBufferState } from "./input-buffer.ts";
import { takeState } from "./step-state.ts";

export interface DecimateCoreOptions {
  readonly taps: Float64Array;
  /** inputRate/outputRate, whole. */
  readonly factor: number;
  /** Outputs of a block; blocks begin at absolute multiples of it. */
  readonly blockSize: number;
  readonly inputRate: number;
  readonly outputRate: number;
  readonly channels: number;
}

interface State {
  readonly step: "decimate";
  readonly begun: number;
  readonly nextBlock: number;
  readonly input: InputBufferState;
}

/** Blocks that are filtered in one go, so that a push of hours needs no second copy of them. */
const GO_BLOCKS = 64;

/** Zero-phase decimation by a whole factor, without regard to gaps. */
export function createDecimateCore(options: DecimateCoreOptions): Core {
  const { taps, factor, blockSize, inputRate, outputRate, channels } = options;
  const blocks = createDecimateBlocks(taps, factor, blockSize);
  const { reachSize } = blocks;
  const span = blockSize * factor;
  const input = new InputBuffer(channels);
  let begun = 0;
  let nextBlock = 0;

  function emit(chunks: CoreChunk[]): void {
    const available = Math.floor((input.end - reachSize) / span);
    if (available <= nextBlock) return;
    const from = nextBlock * blockSize;
    const start = Math.max(from, begun);
    chunks.push({
      start,
      data: Array.from({ length: channels }, (_, channel) => {
        const output = new Float64Array((available - nextBlock) * blockSize);
        const samples = input.array(channel);
        for (let block = nextBlock; block < available; block++) {
          const at = (block - nextBlock) * blockSize;
          blocks.decimate(samples, block * span - reachSize - input.origin, output, at);
        }
        return start === from ? output : output.subarray(start - from);
      }),
    });
    nextBlock = available;
    input.forgetBefore(nextBlock * span - reachSize);
  }

  return {
    begin(start: number): void {
      begun = convertIndexCeil(start, inputRate, outputRate);
      nextBlock = Math.floor(begun / blockSize);
      const from = Math.min(nextBlock * span - reachSize, start);
      input.begin(from);
      input.appendZeros(start - from);
    },
    push(data: readonly SampleArray[], size: number): readonly CoreChunk[] {
      const chunks: CoreChunk[] = [];
      for (let from = 0; from < size; from += GO_BLOCKS * span) {
        input.append(data, from, Math.min(size, from + GO_BLOCKS * span));
        emit(chunks);
      }
      return chunks;
    },
    save(): StepState {
      const state: State = { step: "decimate", begun, nextBlock, input: input.save() };
      return state;
    },
    restore(saved: StepState): void {
      const state = takeState<State>("decimate", saved);
      begun = state.begun;
      nextBlock = state.nextBlock;
      input.restore(state.input);
    },
  };
}
