import type { ConfigDataType } from "./config-changes.ts";

/** How a queue treats requests that wait. */
export interface QueuePolicy {
  /** What happens to a request whose time is over: refused, or put behind all others. */
  readonly timeoutAction?: "REJECT" | "DELAY";
  /** µs that a request may wait; 0: without end. */
  readonly defaultTimeoutMicroseconds?: number;
  /** Whether a request may name a shorter time of its own. */
  readonly allowTimeoutOverride?: boolean;
  /** Requests that may wait; one more is refused. 0: any number. */
  readonly maxQueueSize?: number;
}

/** Requests without state that came apart are run together; needs `maxBatchSize` ≥ 1. */
export interface DynamicBatching {
  /** Sizes that are run as soon as they are together. */
  readonly preferredBatchSize?: readonly number[] | null;
  /** µs that a request waits for company. */
  readonly maxQueueDelayMicroseconds?: number | null;
  /** Responses in the order of their requests. */
  readonly preserveOrdering?: boolean | null;
  /** Number of priorities, 1 the highest; 0: none. */
  readonly priorityLevels?: number | null;
  /** Priority of a request that names none. */
  readonly defaultPriorityLevel?: number | null;
  readonly defaultQueuePolicy?: QueuePolicy | null;
  /** By priority. */
  readonly priorityQueuePolicy?: Readonly<Record<number, QueuePolicy | null>> | null;
}

/** Requests of one sequence go to one slot of one instance, in order. */
export interface SequenceBatching {
  /** A sequence idle for longer loses its slot and its state without a word, µs. Default in Triton: 1 s. */
  readonly maxSequenceIdleMicroseconds?: number | null;
  /** Inputs by which the model learns where a sequence begins and ends; each must be an input of the model. */
  readonly controlInput?: readonly ControlInput[] | null;
  /** A sequence holds its slot until END or until it has idled too long. Takes the place of `oldest`. */
  readonly direct?: {
    /** µs that a run waits for the other slots. */
    readonly maxQueueDelayMicroseconds?: number | null;
    /** Share of slots that are worth a run at once, 0 to 1. */
    readonly minimumSlotUtilization?: number | null;
  } | null;
  /** Sequences interleave on an instance, those that wait longest first. Takes the place of `direct`. */
  readonly oldest?: {
    /** Sequences open at once on an instance. */
    readonly maxCandidateSequences?: number | null;
    readonly preferredBatchSize?: readonly number[] | null;
    /** µs that a request waits for company. */
    readonly maxQueueDelayMicroseconds?: number | null;
    readonly preserveOrdering?: boolean | null;
  } | null;
  /** Outputs that the server feeds back as inputs of the sequence's next request. */
  readonly state?: readonly ImplicitState[] | null;
  readonly iterativeSequence?: boolean | null;
}

/** One control: the pair of values for false and true in one type, or for the sequence's id a type. */
export interface ControlInput {
  readonly name: string;
  readonly control: readonly {
    readonly kind:
      | "CONTROL_SEQUENCE_START"
      | "CONTROL_SEQUENCE_READY"
      | "CONTROL_SEQUENCE_END"
      | "CONTROL_SEQUENCE_CORRID";
    readonly int32FalseTrue?: readonly [number, number];
    readonly fp32FalseTrue?: readonly [number, number];
    readonly boolFalseTrue?: readonly [boolean, boolean];
    /** Of the sequence's id only. */
    readonly dataType?: ConfigDataType;
  }[];
}

export interface ImplicitState {
  readonly inputName: string;
  readonly outputName: string;
  readonly dataType: ConfigDataType;
  /** With the batch dimension where `maxBatchSize` is 0, without it elsewhere. */
  readonly dims: readonly number[];
  /** What the state is at START: without it whatever was in memory, and START leaves it as it is. */
  readonly initialState?: readonly {
    readonly name: string;
    readonly dataType: ConfigDataType;
    readonly dims: readonly number[];
    readonly zeroData?: boolean;
    /** A file in `initial_state/` of the model's folder. */
    readonly dataFile?: string;
  }[];
  readonly useSameBufferForInputOutput?: boolean;
  readonly useGrowableMemory?: boolean;
}

/** Models joined by tensors; see `createEnsemble`, which checks what it joins. */
export interface EnsembleScheduling {
  readonly step?: readonly {
    readonly modelName: string;
    /** −1: the latest. */
    readonly modelVersion: number;
    /** The step's input → the ensemble's tensor. */
    readonly inputMap: Readonly<Record<string, string>>;
    /** The step's output → the ensemble's tensor. */
    readonly outputMap: Readonly<Record<string, string>>;
  }[];
  /** Requests of a step under way at once; 0: any number. */
  readonly maxInflightRequests?: number | null;
}
