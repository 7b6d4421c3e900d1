import type { HelpConfiguration, Option } from "commander";

/** How help tells of an option: its choices and its default, as one would type them. */
export const helpStyle: HelpConfiguration = {
  optionDescription({ description, argChoices, defaultValue, defaultValueDescription }: Option): string {
    const facts = [
      ...(argChoices === undefined ? [] : [argChoices.join(" or ")]),
      ...defaultText(defaultValue, defaultValueDescription),
    ];
    return facts.length === 0 ? description : `${description} (${facts.join("; ")})`;
  },
};

function defaultText(value: unknown, described: string | undefined): string[] {
  if (described !== undefined) return [`default: ${described}`];
  if (value === undefined || typeof value === "boolean") return [];
  return [`default: ${Array.isArray(value) ? value.join(",") : String(value)}`];
}
