import { parseMetrics, type WrittenValue, writeMetrics } from "@strainflow/metrics";
import type { Counts } from "./questions.ts";

/** By the name on a process's own page: what is told of each process, by model or by compute thread. */
const TOLD = [
  ["nv_inference_request_success", "requests_total", "counter", "Inference requests that a process answered"],
  ["nv_inference_exec_count", "runs_total", "counter", "Runs of a model in a process, each batch one"],
  ["nv_inference_pending_request_count", "pending_requests", "gauge", "Requests that wait in a process"],
  [
    "strainflow_worker_tasks_total",
    "worker_tasks_total",
    "counter",
    "Tasks that a compute thread of a process answered",
  ],
  [
    "strainflow_worker_busy_seconds_total",
    "worker_busy_seconds_total",
    "counter",
    "Time that models ran in a compute thread of a process, in seconds",
  ],
  [
    "strainflow_worker_pending_tasks",
    "worker_pending_tasks",
    "gauge",
    "Tasks that a compute thread of a process has not answered",
  ],
  [
    "strainflow_worker_restarts_total",
    "worker_restarts_total",
    "counter",
    "How often a compute thread of a process was started again",
  ],
] as const;

/** What each process does, under names of our own: Triton's are sums over all. `restarts`: by number. */
export function processMetrics(
  counts: readonly (readonly [index: number, counts: Counts])[],
  restarts: readonly number[],
): string {
  const pages = counts.map(([index, { metrics }]) => [String(index), parseMetrics(metrics).samples] as const);
  const plain = (of: (counts: Counts) => number): readonly WrittenValue[] =>
    counts.map(([index, one]) => ({ labels: { process: String(index) }, value: of(one) }));
  return writeMetrics(
    [
      ...TOLD.map(([from, name, type, help]) => ({
        name,
        type,
        help,
        values: pages.flatMap(([process, samples]) =>
          samples
            .filter((sample) => sample.name === from)
            .map(({ labels, value }) => ({ labels: { process, ...Object.fromEntries(labels) }, value })),
        ),
      })),
      {
        name: "resident_memory_bytes",
        type: "gauge",
        help: "Memory of a process, in bytes",
        values: plain(({ residentSize }) => residentSize),
      },
      {
        name: "cpu_seconds_total",
        type: "counter",
        help: "CPU time of a process, in seconds",
        values: plain(({ cpuLength }) => cpuLength),
      },
      {
        name: "restarts_total",
        type: "counter",
        help: "How often a process was started again",
        values: restarts.map((value, index) => ({ labels: { process: String(index) }, value })),
      },
    ].map((family) => ({ ...family, name: `strainflow_process_${family.name}` })),
  );
}
