import { type Html, html } from "@strainflow/page";
import type { LevelResult } from "../level-result.ts";
import { loadText } from "../load.ts";
import type { LoadTestResult } from "../load-test-result.ts";
import { figure } from "./figures-text.ts";

const HEADS = [
  "load",
  "inferences/s",
  "mean ms",
  "p50",
  "p90",
  "p95",
  "p99",
  "p99.9",
  "max",
  "requests",
  "failed",
  "wrong",
  "unanswered",
  "queue µs",
  "infer µs",
  "batch",
  "generator busy",
  "sent late p99 ms",
];

/** Every figure of every load. */
export function levelTable({ levels, best }: LoadTestResult): Html {
  const rows = levels.map((level, i) => html`<tr class="${i === best ? "best" : ""}">${cells(level)}</tr>`);
  return html`<div class="scroll" tabindex="0"><table><thead><tr>${HEADS.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

function cells(level: LevelResult): Html[] {
  const { load, steady, latency, generator, server } = level;
  const bad = (count: number): Html => html`<td class="${count > 0 ? "bad" : ""}">${count}</td>`;
  const plain = (text: string): Html => html`<td>${text}</td>`;
  return [
    plain(`${loadText(load)}${steady ? "" : " (not steady)"}`),
    ...[
      level.inferencesPerSecond,
      latency?.meanMs,
      latency?.p50Ms,
      latency?.p90Ms,
      latency?.p95Ms,
      latency?.p99Ms,
      latency?.p999Ms,
      latency?.maxMs,
    ].map((value) => plain(figure(value))),
    plain(String(level.requests)),
    bad(level.failed),
    bad(level.wrong),
    bad(level.unanswered),
    ...[server?.queueUs, server?.computeInferUs, server?.batchSize].map((value) => plain(figure(value))),
    plain(`${Math.round(100 * generator.utilization)} %`),
    plain(figure(generator.lag?.p99Ms)),
  ];
}
