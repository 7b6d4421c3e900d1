/*
 * Every colour of the page, once: the style sheet and the canvases take them from here. No DOM in here.
 */

export interface Theme {
  readonly background: string;
  readonly ink: string;
  readonly muted: string;
  /** Lines between things. */
  readonly rule: string;
  readonly grid: string;
  readonly hatch: string;
  readonly gap: string;
  readonly accent: string;
  readonly hover: string;
  readonly ifos: Readonly<Record<string, string>>;
  readonly others: readonly string[];
}

/*
 * The field's customary colours (gwpy's: H1 #ee0000, L1 #4ba6ff, V1 #9b59b6, K1 #ffb200), each moved along its own hue
 * until it stands out 4.5 : 1 from the background, so that it also serves for text.
 */
export const LIGHT: Theme = {
  background: "#ffffff",
  ink: "#1c2024",
  muted: "#5c6670",
  rule: "#dde1e6",
  grid: "#eceff2",
  hatch: "#b9c1ca",
  gap: "#f6f7f9",
  accent: "#0a5fc4",
  hover: "#f3f5f8",
  ifos: { H1: "#e00000", L1: "#0f6bc6", V1: "#8e4ba9", K1: "#966300", G1: "#3f4750", I1: "#467a1c" },
  others: ["#00796b", "#a8327e", "#5d6b00"],
};

export const DARK: Theme = {
  background: "#121518",
  ink: "#e8eaed",
  muted: "#9ba5b0",
  rule: "#2b3138",
  grid: "#20252a",
  hatch: "#4b545e",
  gap: "#181c20",
  accent: "#7db8ff",
  hover: "#1b2025",
  ifos: { H1: "#ff5b54", L1: "#4ba6ff", V1: "#c48be0", K1: "#ffb200", G1: "#b4bcc6", I1: "#b0dd8b" },
  others: ["#4db6a8", "#e58ac4", "#c5cf5b"],
};

/** The colour of a detector; those without a customary one take turns. */
export function ifoColour(theme: Theme, ifo: string, ifos: readonly string[]): string {
  const own = Object.hasOwn(theme.ifos, ifo) ? theme.ifos[ifo] : undefined;
  if (own !== undefined) return own;
  const unknown = ifos.filter((name) => !Object.hasOwn(theme.ifos, name));
  const place = Math.max(0, unknown.indexOf(ifo));
  return theme.others[place % theme.others.length] ?? theme.ink;
}
