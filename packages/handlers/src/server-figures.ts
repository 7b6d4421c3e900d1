import { type WrittenFamily, type WrittenValue, writeMetrics } from "@strainflow/metrics";
import { Histogram, histogramSize, SECONDS } from "./histogram.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** What is counted where clients are spoken to; with what the workers count it makes the page of metrics. */
export class ServerFigures {
  readonly #pool: WorkerPool;
  readonly #byStatus = new Map<number, number>();
  readonly #latency = new Histogram(SECONDS, new Float64Array(histogramSize(SECONDS)));

  constructor(pool: WorkerPool) {
    this.#pool = pool;
  }

  /** A request that went to a worker. */
  answered(status: number, seconds: number): void {
    this.#latency.observe(seconds);
    this.refused(status);
  }

  /** One that did not. */
  refused(status: number): void {
    this.#byStatus.set(status, (this.#byStatus.get(status) ?? 0) + 1);
  }

  /** `process`: this one's number, where there are several. */
  text(process?: number): string {
    const own = process === undefined ? {} : { process: String(process) };
    const workers = this.#pool.figures;
    const perWorker = (value: (worker: (typeof workers)[number]) => number): WrittenValue[] =>
      workers.map((worker, i) => ({ labels: { ...own, worker: String(i) }, value: value(worker) }));
    const families: WrittenFamily[] = [
      {
        name: "strainflow_handler_requests_total",
        type: "counter",
        help: "HTTP requests for inference, by the status of their answer",
        values: [...this.#byStatus].map(([status, value]) => ({ labels: { status: String(status) }, value })),
      },
      {
        name: "strainflow_handler_request_seconds",
        type: "histogram",
        help: "From a request's head to its answer",
        values: histogramValues(this.#latency, {}),
      },
      {
        name: "strainflow_handler_items_total",
        type: "counter",
        help: "Items that went into batches",
        values: perWorker(({ figures }) => figures.items),
      },
      {
        name: "strainflow_handler_items_failed_total",
        type: "counter",
        help: "Items of batches that have no answer",
        values: perWorker(({ figures }) => figures.failed),
      },
      {
        name: "strainflow_handler_pending_requests",
        type: "gauge",
        help: "Requests under way",
        values: perWorker(({ pending }) => pending),
      },
      {
        name: "strainflow_handler_workers_lost_total",
        type: "counter",
        help: "How often a worker died",
        values: perWorker(({ lost }) => lost),
      },
      {
        name: "strainflow_handler_batch_size",
        type: "histogram",
        help: "Messages in a batch",
        values: workers.flatMap(({ figures }, i) =>
          histogramValues(figures.batchSize, { ...own, worker: String(i) }),
        ),
      },
      {
        name: "strainflow_handler_stage_seconds",
        type: "histogram",
        help: "How long a batch was in each stage; in the queue, its first message",
        values: workers.flatMap(({ figures }, i) =>
          [...figures.stages].flatMap(([stage, histogram]) =>
            histogramValues(histogram, { ...own, worker: String(i), stage }),
          ),
        ),
      },
    ];
    return writeMetrics(families);
  }
}

function histogramValues(histogram: Histogram, labels: Readonly<Record<string, string>>): WrittenValue[] {
  const { bounds, cumulative, sum } = histogram;
  return [
    ...cumulative.map((value, i) => ({
      suffix: "_bucket",
      labels: { ...labels, le: i < bounds.length ? String(bounds[i]) : "+Inf" },
      value,
    })),
    { suffix: "_sum", labels, value: sum },
    { suffix: "_count", labels, value: cumulative.at(-1) ?? 0 },
  ];
}
