import type { ServerOptions } from "@strainflow/server";
import type { LogTarget } from "./log-target.ts";
import type { ServerEvent, SupervisePolicy } from "./supervise.ts";

/** What every runtime takes. */
interface CommonOptions {
  /** Folder of the model repository; Triton also takes `s3://…`, `gs://…` and `as://…`. */
  readonly repository: string;
  /** Where it listens. Default 127.0.0.1: nobody else's business. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly grpcPort?: number;
  /** Default 0: any free port. `false`: no HTTP. */
  readonly httpPort?: number | false;
  /** Each line that the server writes: to a function, a stream, or the end of a file. Default: none is shown. */
  readonly log?: LogTarget;
  /** Milliseconds that the server may take to be ready, models loaded. Default 60 000; in a container 300 000. */
  readonly readyTimeoutMs?: number;
  /** Milliseconds from one `waiting` event to the next while the server is not ready. Default 10 000. */
  readonly waitingIntervalMs?: number;
  /** Milliseconds that it may take to end in order before it is killed. Default 5000. */
  readonly stopTimeoutMs?: number;
  /** Start it again when it dies, on the same ports. Default: not. */
  readonly supervise?: boolean | Partial<SupervisePolicy>;
  /** Waiting, deaths and restarts. */
  readonly onEvent?: (event: ServerEvent) => void;
  /** Gives up starting. */
  readonly signal?: AbortSignal;
}

/** Ours, in a Node process of its own. */
export interface EmbeddedLaunch
  extends CommonOptions,
    Pick<
      ServerOptions,
      | "responseCacheSize"
      | "rateLimit"
      | "rateLimitResources"
      | "maxMessageSize"
      | "maxSequences"
      | "maxConnections"
      | "maxInFlight"
      | "trace"
      | "sharedMemoryPrefix"
    > {
  readonly runtime: "embedded";
  /**
   * Processes behind the server's ports; connections go to them by turns, and requests of a sequence to the one that it
   * belongs to. Default 1. One thread speaks to all clients of a process: more pay where that thread is busy.
   */
  readonly processes?: number;
  /** Threads that run models, of each process. Default: as many as cores, shared by the processes. */
  readonly workers?: number;
  /** Serves a `host` that others reach to everybody who reaches it. Default false: it is refused. */
  readonly insecure?: boolean;
  /** Where Prometheus reads. Default 0: any free port. `false`: no metrics. */
  readonly metricsPort?: number | false;
  /** What is loaded, and when: everything at the start, that and what changes, or what clients ask for. Default `none`. */
  readonly modelControl?: "none" | "poll" | "explicit";
  /** In mode `explicit`: models to load at the start; `*` is all of them. */
  readonly startupModels?: readonly string[];
  /** In mode `poll`: milliseconds between looks at the repository. */
  readonly pollMs?: number;
  /**
   * Files in PEM that encrypt gRPC, HTTP and metrics; with `clientAuthorities`, clients must show a certificate of
   * theirs. That the server answers is not tried then: it says itself when it is ready.
   */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly clientAuthorities?: string };
  /** A file with `read` or `admin` and a token on each line; requests need one. As with `tls`, no answer is tried. */
  readonly tokenFile?: string;
  /** How the server's lines are written. Default `text`. */
  readonly logForm?: "text" | "json";
  /** A Pushgateway that gets the metrics, every so many milliseconds (default 10 000). */
  readonly pushMetrics?: { readonly url: string; readonly intervalMs?: number };
  /** Clients may take states of sequences out, and put them in. Default false. */
  readonly handOver?: boolean;
}

/** What every Triton takes, in a container or not. */
interface TritonServerOptions extends CommonOptions {
  /** Where Prometheus reads. Default 0: any free port. `false`: no metrics. */
  readonly metricsPort?: number | false;
  /**
   * GPUs that the server may use, by index among those that *this* process may use: where `CUDA_VISIBLE_DEVICES` is
   * `4,2,6`, `gpus: [1, 2]` are the devices 2 and 6. Batch systems hand out devices by that variable, and an index
   * into all of the machine's would take other people's. (Of hermes, the code counts so and the README does not.)
   * Default: all that this process may use. `[]`: none.
   */
  readonly gpus?: readonly number[];
  /** More of `tritonserver`'s own arguments: `["--model-control-mode=explicit"]`. */
  readonly serverArgs?: readonly string[];
  /** More of its environment. In a container it has this one only. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A Triton that is installed here. */
export interface TritonLaunch extends TritonServerOptions {
  readonly runtime: "triton";
  /**
   * The program. Default: the first of what the environment variable `STRAINFLOW_TRITON` names (a program, or a Python
   * environment), `tritonserver` on the PATH, and `/opt/tritonserver/bin/tritonserver`, where NVIDIA's images have it.
   */
  readonly executable?: string;
  /** Folder of a Python environment with `nvidia-pytriton`, whose wheel holds a Triton. Instead of `executable`. */
  readonly python?: string;
}

/** What both kinds of container take. */
interface ContainerOptions extends TritonServerOptions {
  /** The server's program in the image. Default `tritonserver`, on the image's PATH. */
  readonly executable?: string;
  /** The program that runs containers. Default `apptainer` or `docker`, from the PATH. */
  readonly engine?: string;
  /** More arguments of the engine's, before the image: `["--mount", "type=bind,src=/data,dst=/data"]`. */
  readonly engineArgs?: readonly string[];
}

/** A Triton in an Apptainer (or Singularity) container. */
export interface ApptainerLaunch extends ContainerOptions {
  readonly runtime: "apptainer";
  /**
   * A file or sandbox folder; a name in the image folder, with or without `.sif`; or a name in a registry:
   * `docker://nvcr.io/nvidia/tritonserver:24.10-py3`, whose `docker://` may be left out.
   */
  readonly image: string;
  /** Folder of images. Default: the environment variable `STRAINFLOW_IMAGES`. */
  readonly imageFolder?: string;
}

/** A Triton in a Docker (or Podman) container, which is removed when the server ends. */
export interface DockerLaunch extends ContainerOptions {
  readonly runtime: "docker";
  /** As a registry or the engine's own store names it: `nvcr.io/nvidia/tritonserver:24.10-py3`. */
  readonly image: string;
  /**
   * `"bridge"` (default): a network of its own, of which the three ports are published on `host`. `"host"`: the
   * machine's network, which saves a few microseconds per request and is not there in Docker Desktop.
   */
  readonly network?: "bridge" | "host";
  /** Size of `/dev/shm`, which the python backend moves tensors through. Default "1g": Docker's own 64 MB are soon full. */
  readonly shmSize?: string;
}

export type LaunchOptions = EmbeddedLaunch | TritonLaunch | ApptainerLaunch | DockerLaunch;
