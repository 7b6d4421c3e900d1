/** One value of a metric, as a server tells it. */
export interface MetricSample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
  /** Milliseconds since the Unix epoch; absent where the line has none, which is the rule. */
  readonly timestampMs?: number;
}

/** Why a line cannot be read. Thrown within this module's parser only. */
class Unreadable extends Error {}

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL_NAME = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const BLANKS = /[ \t]*/y;
const WORD = /[^ \t]+/y;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const ESCAPED: Readonly<Record<string, string>> = { n: "\n", '"': '"', "\\": "\\" };

/**
 * A number as servers write it: Go's and C++'s forms of what is not finite are all about, in any case.
 *
 * @returns `undefined` if it is none
 */
export function metricValue(text: string): number | undefined {
  if (NUMBER.test(text)) return Number(text);
  const special = /^([+-]?)(nan|inf(?:inity)?)$/i.exec(text);
  if (special === null) return undefined;
  if (special[2]!.toLowerCase() === "nan") return Number.NaN;
  return special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/**
 * Reads `name{label="value",…} value [timestamp] [# exemplar]`, or says why it cannot.
 *
 * Labels may come in any order, with blanks and a comma at the end; a name in quotes may stand inside of the braces.
 */
export function parseSampleLine(line: string): MetricSample | string {
  try {
    return readSample(line);
  } catch (error) {
    if (error instanceof Unreadable) return error.message;
    throw error;
  }
}

function readSample(line: string): MetricSample {
  let at = 0;
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const found = pattern.exec(line)?.[0] ?? "";
    at += found.length;
    return found;
  };
  const fail = (what: string): never => {
    throw new Unreadable(`${what} at character ${at + 1}`);
  };

  function quoted(): string {
    let text = "";
    for (at++; at < line.length; at++) {
      const character = line[at]!;
      if (character === '"') {
        at++;
        return text;
      }
      if (character !== "\\") text += character;
      else text += ESCAPED[line[++at] ?? ""] ?? fail("an escape that is none");
    }
    return fail("a value whose closing quote is missing");
  }

  let name = take(NAME);
  const labels = new Map<string, string>();
  take(BLANKS);
  if (line[at] === "{") {
    at++;
    for (;;) {
      take(BLANKS);
      if (line[at] === "}") break;
      const label = line[at] === '"' ? quoted() : take(LABEL_NAME) || fail("no label where one should be");
      take(BLANKS);
      if (line[at] === "=") {
        at++;
        take(BLANKS);
        if (line[at] !== '"') fail("a label's value without quotes");
        if (labels.has(label)) fail(`label ${label} a second time`);
        labels.set(label, quoted());
      } else if (name === "") name = label;
      else fail(`label ${label} without a value`);
      take(BLANKS);
      if (line[at] === ",") at++;
      else if (line[at] !== "}") fail("neither , nor } after a label");
    }
    at++;
  }
  if (name === "") fail("no name");
  take(BLANKS);
  const text = take(WORD);
  const value = metricValue(text);
  if (value === undefined) return fail(text === "" ? "no value" : `a value that is no number (${cut(text)})`);
  take(BLANKS);
  if (at === line.length || line[at] === "#") return { name, labels, value };
  const stamp = take(WORD);
  const timestampMs = metricValue(stamp);
  if (timestampMs === undefined || !Number.isFinite(timestampMs))
    return fail(`a timestamp that is no number (${cut(stamp)})`);
  take(BLANKS);
  if (at < line.length && line[at] !== "#") fail("more than a value and a timestamp");
  return { name, labels, value, timestampMs };
}

function cut(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
