import type { AccessToken, TlsFiles } from "./access.ts";
import type { ModelControlMode } from "./models/model-repository.ts";
import type { PushOptions } from "./watching/push-metrics.ts";
import type { LogForm } from "./watching/server-log.ts";
import type { TraceLevel } from "./watching/trace-settings.ts";

export interface ServerOptions {
  /** A folder with one folder per model: `config.pbtxt` and numbered versions. */
  readonly repository: string;
  /** Default `127.0.0.1`: only this machine is served unless told otherwise. */
  readonly host?: string;
  /** Default 0: a free port, told by `grpcAddress`. */
  readonly grpcPort?: number;
  /** `false`: no HTTP. Default 0: a free port, told by `httpAddress`. */
  readonly httpPort?: number | false;
  /** A Pushgateway that gets the metrics, where nobody can scrape. Default: none. */
  readonly pushMetrics?: PushOptions;
  /** `false`: no metrics. Default 0: a free port, told by `metricsAddress`. */
  readonly metricsPort?: number | false;
  /**
   * What is loaded, and when. `none`: everything, at the start. `poll`: that, and the repository is looked at for changes.
   * `explicit`: what `startupModels` names, and then what clients ask for. Default `none`: who may infer may not change
   * what is served, unless told so.
   */
  readonly modelControl?: ModelControlMode;
  /** In mode `explicit`: models to load at the start; `*` is all of them. Default: none. */
  readonly startupModels?: readonly string[];
  /** In mode `poll`: milliseconds between looks at the repository. Default 15 000, as in Triton. */
  readonly pollMs?: number;
  /** Threads for stateless models, and as many again (cheap ones) for sequences. Default: one per core. */
  readonly workers?: number;
  /**
   * Answers of models with `response_cache { enable: true }` are kept, in this many bytes of memory in all. Default 0: none
   * are, as by a Triton without a cache.
   */
  readonly responseCacheSize?: number;
  /**
   * `execution_count`: instances run by turns, with the `rate_limiter` of their instance group. Default `off`: whatever can
   * run runs, as in Triton.
   */
  readonly rateLimit?: "off" | "execution_count";
  /** With a rate limit: how much there is of a resource. Default: as much as the instance takes that takes most. */
  readonly rateLimitResources?: Readonly<Record<string, number>>;
  /** Largest request in bytes, −1 for any. Default 256 MiB: a thousand times a usual update. */
  readonly maxMessageSize?: number;
  /** Sequences that a model holds or has waiting, before no more are taken. Default 100 000. */
  readonly maxSequences?: number;
  /** Open connections of gRPC, of HTTP, and of metrics, each; more are closed as they come. Default 10 000. */
  readonly maxConnections?: number;
  /** Requests of one stream that wait for an answer, before no more are read from it. Default 1024. */
  readonly maxInFlight?: number;
  /**
   * Lines for the operator: what is loaded, restarts of threads, sequences that start twice, and more as clients set the
   * log settings. Default: nowhere.
   */
  readonly log?: (line: string) => void;
  /** `json`: each line is an object of `time`, `severity`, `pid` and `message`. Default `text`: as Triton writes them. */
  readonly logForm?: LogForm;
  /** A file that lines are added to instead. */
  readonly logFile?: string;
  /** Traces of requests. Without it, clients that ask for traces are refused as by a Triton without a trace file. */
  readonly trace?: TraceOptions;
  /** Encrypts gRPC, HTTP and metrics. Default: nothing is encrypted. */
  readonly tls?: TlsFiles;
  /**
   * Requests need one of these as `authorization: Bearer …`; health is told to anybody. Default: everybody may do
   * everything.
   */
  readonly tokens?: readonly AccessToken[];
  /** Serves an address that others reach to everybody who reaches it. Default false: it is refused. */
  readonly insecure?: boolean;
  /**
   * Clients may ask for a sequence's states, put them into this server or another one, and end sequences of others: under
   * `/v2/strainflow/models/MODEL/sequences/ID/state`, by the role `admin`. Default false.
   */
  readonly handOver?: boolean;
  /** Keys of shared memory that clients may register begin with this. Default: any key, as in Triton. */
  readonly sharedMemoryPrefix?: string;
}

/** Which requests are traced from the start; clients may change all but the file. */
export interface TraceOptions {
  /** Where traces go, as JSON. This or `otlp`, or both. */
  readonly file?: string;
  /** An OpenTelemetry collector's HTTP endpoint, which gets them as spans: `http://127.0.0.1:4318`. */
  readonly otlp?: string;
  /** Default: none. */
  readonly levels?: readonly TraceLevel[];
  /** One of this many requests is traced. Default 1000, as in Triton. */
  readonly rate?: number;
  /** This many at most; −1: any number, the default. */
  readonly count?: number;
  /** This many make a file; 0, the default: all go into one. */
  readonly logFrequency?: number;
}
