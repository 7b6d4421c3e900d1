import type { FuzzOutcome } from "./outcome.ts";

/** Where the embedded server is meant to answer otherwise than Triton 2.51. */
export interface ExplainedDifference {
  readonly what: string;
  readonly triton: string;
  readonly ours: string;
  readonly why: string;
  readonly holds: (embedded: FuzzOutcome, triton: FuzzOutcome) => boolean;
}

const refused = ({ status, effect }: FuzzOutcome): boolean =>
  effect === null &&
  !["nothing", "died", "DEADLINE_EXCEEDED", "UNAVAILABLE", "UNKNOWN", "503"].includes(status);

/** Where ours refuses with such words what Triton takes, or refuses in others. */
const ourWords =
  (words: RegExp, triton: (outcome: FuzzOutcome) => boolean = () => true) =>
  (embedded: FuzzOutcome, other: FuzzOutcome): boolean =>
    refused(embedded) && words.test(embedded.text) && triton(other);

export const DIFFERENCES: readonly ExplainedDifference[] = [
  {
    what: "a shape of more elements than there is memory, with its data in JSON",
    triton: "dies",
    ours: "400 or 500",
    why: "Triton allocates what the shape says before it looks at the data",
    holds: (embedded, triton) => refused(embedded) && triton.status === "died",
  },
  {
    what: "a version that only begins with a number, or has blanks before it",
    triton: "takes the number",
    ours: "INVALID_ARGUMENT, 400",
    why: "`std::stol` reads a leading number and leaves the rest; whoever writes a version means one",
    holds: ourWords(/^failed to get model version from specified version string/),
  },
  {
    what: "a batch of 0",
    triton: "takes it for none, and answers without a batch dimension",
    ours: "INVALID_ARGUMENT, 400",
    why: "a tensor without elements is a client's mistake, and an answer of another shape hides it",
    holds: ourWords(/batch-size must be >= 1|batch size does not match other inputs/, ({ status }) =>
      ["OK", "200", "INTERNAL", "500", "INVALID_ARGUMENT", "400"].includes(status),
    ),
  },
  {
    what: "more raw contents than inputs",
    triton: "leaves the rest",
    ours: "INVALID_ARGUMENT",
    why: "bytes that belong to no input are a client's mistake, and its outputs would be another input's",
    holds: ourWords(/^expected \d+ inputs' raw contents but got \d+ for model/),
  },
  {
    what: "a name with a zero byte",
    triton: "ends the name there",
    ours: "the name is what it says, and unknown",
    why: "texts of C end at a zero byte; two names would be one",
    holds: (embedded, triton) =>
      refused(embedded) &&
      embedded.text.includes("\u0000") &&
      ["OK", "200", "INVALID_ARGUMENT", "400", "404", "NOT_FOUND"].includes(triton.status),
  },
  {
    what: "a zero byte, or other bytes, within what the header says is JSON",
    triton: "ends the JSON there, and looks at the rest of the request",
    ours: "500, no JSON",
    why: "RapidJSON takes a zero byte for the end of the text",
    holds: ourWords(/^failed to parse the request JSON buffer/, ({ status }) =>
      ["200", "400"].includes(status),
    ),
  },
  {
    what: "a request with two mistakes",
    triton: "names one of them",
    ours: "may name the other",
    why: "which of them is looked at first is nobody's promise; either is refused before anything runs",
    holds: (embedded, triton) =>
      refused(embedded) && refused(triton) && MISTAKES.test(embedded.text) && MISTAKES.test(triton.text),
  },
];

/** Refusals that are looked for at another place than in Triton. */
const MISTAKES =
  /unexpected shape for input|Shape does not match true shape|Request for unknown model|invalid value type for|doesn't support models with decoupled|failed to get model version|unexpected size for input|unexpected additional input data|already exists in request|unexpected inference (?:in|out)put|invalid datatype for input|attempt to (?:access|get)|Unsupported compression|set only one of the following|data-type is|Raw request must|expected \d+ inputs but got|parameter keys starting with|has invalid type|byte size mismatch|string elements/;

/** Whether the table has what two servers answered differently. */
export function explained(embedded: FuzzOutcome, triton: FuzzOutcome): boolean {
  return DIFFERENCES.some(({ holds }) => holds(embedded, triton));
}
