/** A page's families by name: what is said of each, and its values by name and labels. */
type Page = Map<string, { readonly head: readonly string[]; readonly values: Map<string, number> }>;

/**
 * Pages of Prometheus' text format as one: values of the same name and labels are summed. `machine`: names of what is of
 * the machine and not of a process; each process tells of it, and the largest holds.
 */
export function sumMetrics(pages: readonly string[], machine?: RegExp): string {
  const sum: Page = new Map();
  for (const page of pages) {
    for (const [name, { head, values }] of parse(page)) {
      const family = sum.get(name) ?? { head, values: new Map<string, number>() };
      sum.set(name, family);
      for (const [series, value] of values) {
        const before = family.values.get(series) ?? 0;
        family.values.set(series, machine?.test(name) === true ? Math.max(before, value) : before + value);
      }
    }
  }
  return write(sum);
}

/** What a page counted that only grows; what it says of now is left out. */
export function countersOf(page: string): string {
  const families = parse(page);
  for (const [name, { head }] of families)
    if (head.some((line) => line.endsWith(" gauge"))) families.delete(name);
  return write(families);
}

/** The values of one family of a page, by their labels: `model="net",version="1"`. */
export function valuesOf(page: string, name: string): readonly (readonly [labels: string, value: number])[] {
  const values = parse(page).get(name)?.values ?? new Map<string, number>();
  return [...values].map(([series, value]) => [series.slice(name.length + 1, -1), value]);
}

function parse(page: string): Page {
  const families: Page = new Map();
  let values = new Map<string, number>();
  let head: string[] = [];
  for (const line of page.split("\n")) {
    if (line.startsWith("# HELP ")) {
      values = new Map();
      head = [line];
      families.set(line.split(" ")[2] ?? "", { head, values });
    } else if (line.startsWith("#")) head.push(line);
    else if (line !== "") {
      // Labels may hold spaces; the value is behind the last.
      const at = line.lastIndexOf(" ");
      values.set(line.slice(0, at), Number(line.slice(at + 1)));
    }
  }
  return families;
}

function write(page: Page): string {
  const lines = [...page.values()].flatMap(({ head, values }) => [
    ...head,
    ...[...values].map(([series, value]) => `${series} ${value}`),
  ]);
  return lines.map((line) => `${line}\n`).join("");
}
