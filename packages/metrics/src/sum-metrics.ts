import { type MetricFamily, parseMetrics } from "./parse-metrics.ts";
import { type WrittenFamily, type WrittenValue, writeMetrics } from "./write-metrics.ts";

/** A family, and its values by name and labels. */
interface Summed {
  readonly family: MetricFamily;
  readonly values: Map<string, WrittenValue>;
}

/**
 * Pages of several processes as one: values of the same name and labels are summed, families stay in the order in which
 * they came. Lines that cannot be read are left out.
 *
 * @param machine families that are of the machine and not of a process: each tells of it, and the largest value holds
 */
export function sumMetrics(pages: readonly string[], machine?: RegExp): string {
  const sums = new Map<string, Summed>();
  for (const page of pages) {
    for (const { family, values } of familiesOf(page)) {
      const sum = sums.get(family.name) ?? { family, values: new Map<string, WrittenValue>() };
      sums.set(family.name, sum);
      const largest = machine?.test(family.name) === true;
      for (const [key, one] of values) {
        const before = sum.values.get(key)?.value ?? 0;
        sum.values.set(key, { ...one, value: largest ? Math.max(before, one.value) : before + one.value });
      }
    }
  }
  return writeMetrics([...sums.values()].map(written));
}

/** What a page counted that only grows; what it says of now, its gauges, is left out. */
export function countersOf(page: string): string {
  return writeMetrics(
    familiesOf(page)
      .filter(({ family }) => family.type !== "gauge")
      .map(written),
  );
}

function written({ family, values }: Summed): WrittenFamily {
  return { ...family, values: [...values.values()] };
}

function familiesOf(page: string): readonly Summed[] {
  const { families, samples } = parseMetrics(page);
  const found = new Map<string, Summed>();
  for (const { name, labels, value } of samples) {
    const stem = name.replace(/_(?:bucket|sum|count)$/, "");
    const family = families.get(name) ?? families.get(stem) ?? { name, type: "untyped", help: "" };
    const { values } = found.get(family.name) ?? { values: new Map<string, WrittenValue>() };
    found.set(family.name, { family, values });
    values.set(JSON.stringify([name, ...labels]), {
      suffix: name.slice(family.name.length),
      labels: Object.fromEntries(labels),
      value,
    });
  }
  return [...found.values()];
}
