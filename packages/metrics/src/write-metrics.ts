import type { MetricFamily } from "./parse-metrics.ts";

/** A metric to be told: its values with the labels of each. */
export interface WrittenFamily extends MetricFamily {
  readonly values: readonly WrittenValue[];
}

export interface WrittenValue {
  /** Behind the family's name: `_bucket`, `_count`, `_sum`. Default none. */
  readonly suffix?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What the page is: for `Content-Type`. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/**
 * A page in Prometheus' text format. Families without values are left out; any text may stand in labels and helps.
 *
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function writeMetrics(families: readonly WrittenFamily[]): string {
  const lines: string[] = [];
  for (const { name, type, help, values } of families) {
    if (values.length === 0) continue;
    lines.push(
      `# HELP ${name} ${help.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")}`,
      `# TYPE ${name} ${type}`,
    );
    for (const { suffix = "", labels, value } of values) {
      const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
      lines.push(`${name}${suffix}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${numberText(value)}`);
    }
  }
  return lines.map((line) => `${line}\n`).join("");
}

function escapeLabel(text: string): string {
  return text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? "+Inf" : "-Inf";
}
