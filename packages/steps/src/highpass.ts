import { type Block, invalidOption, type SampleArray, type Step, type StepState } from "@strainflow/series";
import { butterworth, type Section, settlingSize } from "./butterworth.ts";
import { type Core, type CoreChunk, createCoverage } from "./coverage.ts";
import { restState, type SosState, sosFilter, steadyState } from "./sos-filter.ts";
import { takeState } from "./step-state.ts";

export interface HighpassOptions {
  /** Hz. */
  readonly sampleRate: number;
  readonly channels: readonly string[];
  /** Hz where the amplitude has fallen to 1/√2. Default 15, below the band that searches look at. */
  readonly corner?: number;
  /** Default 4: 24 dB per octave. */
  readonly order?: number;
  /**
   * Seconds that are marked as gaps at the start and after every gap, while the filter still rings of its beginning.
   * Default: until that has fallen to 1e-6 of what it was.
   */
  readonly settlingLength?: number;
}

interface State {
  readonly step: "highpass";
  readonly begun: boolean;
  readonly next: number;
  readonly filters: readonly SosState[];
}

/**
 * Takes the low frequencies away by a causal Butterworth filter: float64 strain `[channels][size]` in and out.
 *
 * Its phase is not linear: features near the corner come out late. Its memory is `"unbounded"`, as is any recursive
 * filter's, so it begins anew after every gap, however short, from the state of having always seen the first sample.
 *
 * @throws `invalid-option` if the corner does not lie between 0 and Nyquist
 *
 * @example
 * ```ts
 * const highpass = createHighpass({ sampleRate: 4096, channels: ["H1"], corner: 15 });
 * const blocks = highpass.push(block);
 * ```
 */
export function createHighpass(options: HighpassOptions): Step<Block<"strain">, Block<"strain">> {
  const where = "createHighpass";
  const { sampleRate, channels, corner = 15, order = 4 } = options;
  const filter = butterworth({ sampleRate, order, corner: { highpass: corner } });
  const settling =
    options.settlingLength === undefined
      ? settlingSize(filter, 1e6)
      : Math.ceil(options.settlingLength * sampleRate);
  if (!(settling >= 0)) throw invalidOption(where, "settlingLength", options.settlingLength, "at least 0 s");
  return createCoverage({
    where,
    core: createSosCore(filter, channels.length),
    sampleRate,
    channels,
    quantity: "strain",
    back: settling,
    ahead: 0,
    memory: "unbounded",
  });
}

function createSosCore(filter: readonly Section[], channels: number): Core {
  let begun = false;
  let next = 0;
  let states = Array.from({ length: channels }, () => restState(filter));
  return {
    begin(start: number): void {
      begun = false;
      next = start;
    },
    push(data: readonly SampleArray[], size: number): readonly CoreChunk[] {
      if (!begun) states = data.map((samples) => steadyState(filter, samples[0]!));
      begun = true;
      const start = next;
      next += size;
      const filtered = data.map((samples, channel) => {
        const output = new Float64Array(size);
        sosFilter(filter, states[channel]!, samples, output);
        return output;
      });
      return [{ start, data: filtered }];
    },
    save(): StepState {
      const state: State = { step: "highpass", begun, next, filters: states.map((s) => s.slice()) };
      return state;
    },
    restore(saved: StepState): void {
      const state = takeState<State>("highpass", saved);
      begun = state.begun;
      next = state.next;
      states = state.filters.map((s) => s.slice());
    },
  };
}
