import type { z } from "zod";

/** What is wrong with each setting: `psdLength is 0; it must be above 0`, in the words of flags where those were given. */
export function settingsProblems(
  issues: readonly z.core.$ZodIssue[],
  value: unknown,
  known: readonly string[],
  asFlags: boolean,
): string[] {
  return issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownSetting(key, known));
    const [setting] = issue.path;
    if (typeof setting !== "string") return ["settings must be an object: { name: value, … }"];
    const given = issue.path.reduce<unknown>(
      (inner, key) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined),
      value,
    );
    if (setting === "token") return [`${asFlags ? "--token" : setting} must be ${expected(issue)}`];
    const shown = typeof given === "string" ? JSON.stringify(given) : String(given);
    return [`${asFlags ? flagOf(setting) : setting} is ${shown}; it must be ${expected(issue)}`];
  });
}

/** `--psd-length` of `psdLength`. */
export function flagOf(setting: string): string {
  return `--${setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function expected(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "too_small":
      if (issue.origin === "string") return "a name";
      return issue.origin === "array"
        ? "at least one"
        : `${issue.inclusive === true ? "at least" : "above"} ${issue.minimum}`;
    case "too_big":
      return `at most ${issue.maximum}`;
    case "invalid_type":
      return issue.expected === "int"
        ? "a whole number"
        : `a${/^[aeiou]/.test(issue.expected) ? "n" : ""} ${issue.expected}`;
    case "invalid_value":
      return issue.values.map(String).join(" or ");
    case "custom":
      return issue.message;
    default:
      return `something else (${issue.message})`;
  }
}

function unknownSetting(key: string, known: readonly string[]): string {
  const [nearest] = known
    .map((name) => ({ name, changes: changesBetween(key.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, changes }) => changes <= Math.max(2, name.length / 4))
    .toSorted((a, b) => a.changes - b.changes);
  return `${key} is no setting${nearest === undefined ? "" : `; did you mean ${nearest.name}?`}`;
}

/** Letters to insert, remove, replace or swap with their neighbour to make one word the other. */
export function changesBetween(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          last[j]! + 1,
          row[j - 1]! + 1,
          last[j - 1]! + (same ? 0 : 1),
          swapped ? before[j - 2]! + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
