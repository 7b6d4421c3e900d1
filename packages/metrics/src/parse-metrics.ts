import { type MetricSample, parseSampleLine } from "./sample-line.ts";

/** What a server says of a metric beside its values. */
export interface MetricFamily {
  readonly name: string;
  /** `counter`, `gauge`, `summary`, `histogram`, …; `untyped` where it does not say. */
  readonly type: string;
  readonly help: string;
}

/** A line that could not be read. */
export interface TextProblem {
  /** From 1. */
  readonly line: number;
  readonly why: string;
  /** Its beginning, 120 characters at most. */
  readonly text: string;
}

/** A page of metrics. */
export interface MetricsText {
  readonly families: ReadonlyMap<string, MetricFamily>;
  /** In the order of the page. */
  readonly samples: readonly MetricSample[];
  /** The first 20 of those lines that could not be read. All others are used nevertheless. */
  readonly problems: readonly TextProblem[];
  /** How many lines could not be read. */
  readonly problemCount: number;
}

/** A page that is something else altogether has as many problems as lines. */
const MOST_PROBLEMS = 20;

/**
 * Reads Prometheus' text format (0.0.4) and what OpenMetrics adds to it: exemplars, `# UNIT`, `# EOF`.
 *
 * Never throws: a line that cannot be read is told in `problems`, and the rest is used.
 *
 * @example
 * ```ts
 * const { samples } = parseMetrics('nv_inference_count{model="net",version="1"} 42\n');
 * ```
 */
export function parseMetrics(text: string): MetricsText {
  const families = new Map<string, MetricFamily>();
  const samples: MetricSample[] = [];
  const problems: TextProblem[] = [];
  let problemCount = 0;
  let number = 0;
  for (const raw of text.split("\n")) {
    number++;
    const line = raw.trim();
    if (line === "") continue;
    const read = line.startsWith("#") ? readComment(line, families) : parseSampleLine(line);
    if (typeof read === "string") {
      problemCount++;
      if (problems.length < MOST_PROBLEMS)
        problems.push({ line: number, why: read, text: line.slice(0, 120) });
    } else if (read !== undefined) samples.push(read);
  }
  return { families, samples, problems, problemCount };
}

/** `# HELP name text` and `# TYPE name type`; any other comment is one. Says what is wrong with it, if anything is. */
function readComment(line: string, families: Map<string, MetricFamily>): string | undefined {
  const [, keyword, name, rest = ""] =
    /^#[ \t]+(HELP|TYPE)(?:[ \t]+(\S+)(?:[ \t]+(.*))?)?$/s.exec(line) ?? [];
  if (keyword === undefined) return undefined;
  if (name === undefined) return `# ${keyword} without a name`;
  const { type, help } = families.get(name) ?? { type: "untyped", help: "" };
  if (keyword === "HELP") families.set(name, { name, type, help: unescapeHelp(rest) });
  else if (rest === "") return `# TYPE ${name.slice(0, 40)} without a type`;
  else families.set(name, { name, type: rest.toLowerCase(), help });
  return undefined;
}

function unescapeHelp(text: string): string {
  return text.replace(/\\([\\n])/g, (_, character: string) => (character === "n" ? "\n" : "\\"));
}
