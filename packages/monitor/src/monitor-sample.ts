import type { StrainflowError } from "@strainflow/series";
import type { Averages } from "./averages.ts";
import type { ModelDelta } from "./deltas.ts";
import type { ClientLatency } from "./latency-source.ts";

/** What a model did in an interval. */
export interface ModelActivity extends ModelDelta {
  readonly averages: Averages;
  /** Models that it consists of, in order; absent where it is no ensemble, or where that is not known. */
  readonly steps?: readonly string[];
  /** Ensembles that it is a step of. Its figures are those of all requests to it, whoever sent them. */
  readonly stepOf: readonly string[];
}

interface OfServer {
  /** The server's name. */
  readonly server: string;
  /** Its host alone, as hermes has it in its column `ip`; its name where several servers share the host. */
  readonly host: string;
  /** When it was asked, milliseconds since the Unix epoch. */
  readonly timestampMs: number;
}

/** A server's first answer, which the next are compared with. */
export interface SeenSample extends OfServer {
  readonly kind: "seen";
  readonly models: readonly { readonly model: string; readonly version: string }[];
}

/** What a server did since it was last asked. */
export interface ServerSample extends OfServer {
  readonly kind: "server";
  /** 0 where the figures are totals since the models were loaded. */
  readonly elapsedSeconds: number;
  readonly models: readonly ModelActivity[];
  /** Lines of its page that could not be read; the rest was used. */
  readonly unreadableLines: number;
}

/** A server that did not answer. It is asked again. */
export interface AwaySample extends OfServer {
  readonly kind: "away";
  /** Since its last answer, or since the first question. */
  readonly awaySeconds: number;
  /** `metrics-unreachable` or `metrics-unreadable` */
  readonly error: StrainflowError;
}

/** A server whose ensembles are not recognised: its models' configurations cannot be had. Told once. */
export interface NoStepsSample extends OfServer {
  readonly kind: "no-steps";
  /** `models-unreachable` */
  readonly error: StrainflowError;
}

/** Latencies of a client, so far. */
export interface ClientSample {
  readonly kind: "client";
  readonly client: string;
  readonly timestampMs: number;
  readonly latency: ClientLatency;
}

export type MonitorSample = SeenSample | ServerSample | AwaySample | NoStepsSample | ClientSample;
