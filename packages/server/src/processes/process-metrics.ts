import { valuesOf } from "@strainflow/processes";
import type { Counts } from "./questions.ts";

/** By the name on a process's own page: what is told of each process, by model. */
const PER_MODEL = [
  ["nv_inference_request_success", "requests_total", "counter", "Inference requests that a process answered"],
  ["nv_inference_exec_count", "runs_total", "counter", "Runs of a model in a process, each batch one"],
  ["nv_inference_pending_request_count", "pending_requests", "gauge", "Requests that wait in a process"],
] as const;

/** What each process does, under names of our own: Triton's are sums over all. `restarts`: by number. */
export function processMetrics(
  counts: readonly (readonly [index: number, counts: Counts])[],
  restarts: readonly number[],
): string {
  const lines: string[] = [];
  const family = (name: string, type: string, help: string, values: readonly string[]): void => {
    const full = `strainflow_process_${name}`;
    lines.push(
      `# HELP ${full} ${help}`,
      `# TYPE ${full} ${type}`,
      ...values.map((value) => `${full}${value}`),
    );
  };
  for (const [from, name, type, help] of PER_MODEL)
    family(
      name,
      type,
      help,
      counts.flatMap(([index, { metrics }]) =>
        valuesOf(metrics, from).map(([labels, value]) => `{process="${index}",${labels}} ${value}`),
      ),
    );
  const plain = (of: (counts: Counts) => number): string[] =>
    counts.map(([index, one]) => `{process="${index}"} ${of(one)}`);
  family(
    "resident_memory_bytes",
    "gauge",
    "Memory of a process, in bytes",
    plain(({ residentSize }) => residentSize),
  );
  family(
    "cpu_seconds_total",
    "counter",
    "CPU time of a process, in seconds",
    plain(({ cpuLength }) => cpuLength),
  );
  family(
    "restarts_total",
    "counter",
    "How often a process was started again",
    restarts.map((count, index) => `{process="${index}"} ${count}`),
  );
  return lines.map((line) => `${line}\n`).join("");
}
