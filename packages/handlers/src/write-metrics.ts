/** A metric to be told: its values with the labels of each. */
export interface WrittenFamily {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly values: readonly WrittenValue[];
}

export interface WrittenValue {
  /** Behind the family's name: `_bucket`, `_sum`. */
  readonly suffix?: string;
  /** Names and values as they are: none of ours needs escaping. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A page in Prometheus' text format. Families without values are left out. */
export function writeMetrics(families: readonly WrittenFamily[]): string {
  return families
    .filter(({ values }) => values.length > 0)
    .flatMap(({ name, type, help, values }) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...values.map(({ suffix = "", labels, value }) => {
        const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
        return `${name}${suffix}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}`;
      }),
    ])
    .map((line) => `${line}\n`)
    .join("");
}
