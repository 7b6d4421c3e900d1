import { invalid, Refusal } from "../refusal.ts";

export type TraceLevel = "TIMESTAMPS" | "TENSORS";

/** What is traced, of all models or of one. */
export interface TraceValues {
  /** None: nothing is. */
  readonly levels: readonly TraceLevel[];
  /** Every how many requests one is traced; 0: none. */
  readonly rate: number;
  /** How many more requests are traced; −1: any number. */
  readonly count: number;
  /** After how many traces a file of their own is begun; 0: all go into one. */
  readonly logFrequency: number;
}

/** By setting: its values as text, or `clear` for those that it had at the start (a model's: those of all models). */
export type TracePatch = ReadonlyMap<string, readonly string[] | "clear">;

/** Settings by Triton's names, as it gives them. */
export type TraceReport = Readonly<Record<string, readonly string[]>>;

export interface TraceSettingsOptions {
  /** "": none, and no tracing. */
  readonly file: string;
  /** Traces go to a collector, with a file or without. */
  readonly exported?: boolean;
  readonly initial: Partial<TraceValues>;
}

const DEFAULTS: TraceValues = { levels: [], rate: 1000, count: -1, logFrequency: 0 };

/** Triton's trace settings: global ones, and models' own in their place. */
export class TraceSettings {
  readonly file: string;
  /** Traces go somewhere. */
  readonly possible: boolean;
  readonly #initial: TraceValues;
  #global: TraceValues;
  readonly #models = new Map<string, Partial<TraceValues>>();

  constructor({ file, exported = false, initial }: TraceSettingsOptions) {
    this.possible = exported || file !== "";
    this.file = file;
    this.#initial = { ...DEFAULTS, ...initial };
    this.#global = this.#initial;
  }

  /** The model has settings of its own. */
  has(model: string): boolean {
    return Object.keys(this.#models.get(model) ?? {}).length > 0;
  }

  /** `model`: "" for those of all models. */
  of(model: string): TraceValues {
    const own = this.#models.get(model);
    return own === undefined ? this.#global : { ...this.#global, ...own };
  }

  report(model: string): TraceReport {
    const { levels, rate, count, logFrequency } = this.of(model);
    return {
      trace_level: levels.length === 0 ? ["OFF"] : levels,
      trace_rate: [String(rate)],
      trace_count: [String(count)],
      log_frequency: [String(logFrequency)],
      trace_file: [this.file],
      trace_mode: ["triton"],
    };
  }

  /** All or nothing. @throws Refusal in Triton's words */
  update(model: string, patch: TracePatch): void {
    const change: { -readonly [K in keyof TraceValues]?: TraceValues[K] | undefined } = {};
    for (const [key, values] of patch) {
      const cleared = values === "clear";
      switch (key) {
        case "trace_file":
          throw new Refusal(
            "UNIMPLEMENTED",
            "trace file location can not be updated through network protocol",
          );
        case "trace_level":
          change.levels = cleared ? undefined : this.#levels(values);
          break;
        case "trace_rate":
          change.rate = cleared ? undefined : unsigned(key, one(key, values));
          break;
        case "trace_count":
          change.count = cleared ? undefined : count(one(key, values));
          break;
        case "log_frequency":
          change.logFrequency = cleared ? undefined : unsigned(key, one(key, values));
          break;
        // The mode is not changed through the network, and what is unknown is passed over, as in Triton.
      }
    }
    const merged: Record<string, unknown> = { ...(model === "" ? this.#global : this.#models.get(model)) };
    for (const [key, value] of Object.entries(change))
      if (value !== undefined) merged[key] = value;
      else if (model === "") merged[key] = this.#initial[key as keyof TraceValues];
      else delete merged[key];
    if (model === "") this.#global = { ...this.#initial, ...merged };
    else this.#models.set(model, merged);
  }

  #levels(values: readonly string[]): readonly TraceLevel[] {
    const levels = (["TIMESTAMPS", "TENSORS"] as const).filter((level) => values.includes(level));
    if (values.includes("OFF") && values.length > 1)
      throw invalid("Expect only one trace level 'OFF' is specified");
    if (levels.length > 0 && !this.possible)
      throw invalid("Attempting to set invalid trace setting :trace file name is not given");
    return levels;
  }
}

function one(key: string, values: readonly string[]): string {
  const [value = ""] = values;
  if (values.length > 1) throw invalid(`expect only 1 value for '${key}'`);
  return value;
}

const MAX_UNSIGNED = 2 ** 32 - 1;
const MAX_COUNT = 2 ** 31 - 1;

/** A number as C reads one: what follows it does not count, and −1 is the largest there is. */
function unsigned(key: string, text: string): number {
  const value = leadingInteger(key, text);
  if (value > MAX_UNSIGNED || value < -MAX_UNSIGNED)
    throw invalid(`Unable to parse '${key}', value is out of range [ 0, ${MAX_UNSIGNED} ], got: ${text}`);
  return value < 0 ? value + MAX_UNSIGNED + 1 : value;
}

function count(text: string): number {
  const value = leadingInteger("trace_count", text);
  if (Math.abs(value) > MAX_COUNT)
    throw invalid(`Unable to parse 'trace_count', value is out of range [ -1, ${MAX_COUNT} ], got: ${text}`);
  if (value < -1) throw invalid(`Unable to parse 'trace_count'. Expecting value >= -1, got:${text}`);
  return value;
}

function leadingInteger(key: string, text: string): number {
  const digits = /^\s*[+-]?[0-9]{1,18}/.exec(text)?.[0];
  if (digits === undefined) throw invalid(`Unable to parse '${key}', got: ${text.slice(0, 100)}`);
  return Number(digits);
}
