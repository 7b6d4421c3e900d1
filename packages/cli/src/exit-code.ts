import { isStrainflowError } from "@strainflow/series";

/** What the command's exit status means. The README has the same table; a test compares them. */
export const exitCodes = {
  ok: 0,
  /** A fault of ours: please report it. */
  unexpected: 1,
  /** A flag, an argument or a setting cannot be used. */
  usage: 2,
  /** A file or stream cannot be read, or does not hold what is needed. */
  input: 3,
  /** A server cannot be reached, was lost for good, or refuses; or a model does not fit. */
  server: 4,
  /** Results cannot be written. */
  output: 5,
  /** Ended by Ctrl-C; what was done until then has been written. */
  interrupted: 130,
} as const;

const byTag: readonly (readonly [RegExp, number])[] = [
  [
    /^(invalid-option|settings|usage|unknown-detector|bad-model-name|bad-store-url|model-exists)/,
    exitCodes.usage,
  ],
  [/^hdf5-write/, exitCodes.output],
  [
    /^(handler-not-loaded|tls-not-readable|tokens-not-readable|hdf5-|arrow-|zeromq-|input-|replay-|loadtest-input|file-not-found|not-contiguous|misaligned|align-rates|unknown-channel|malformed)/,
    exitCodes.input,
  ],
  [
    /^(server-|stream|infer|model-|no-model|bad-|shape-|missing-side|store-|no-bucket|export-|plan-mismatch|unknown-output|unexpected-response|address-in-use|launch|loadtest|repository|rpc|onnx|http2-|invalid-request|metrics-|models-unreachable|process-|push-failed|handler-|deadline-exceeded|call-ended|no-generate|no-streams|sequence-lost)/,
    exitCodes.server,
  ],
  [/^aborted/, exitCodes.interrupted],
  [/^(output|log-not-writable)/, exitCodes.output],
];

/** The exit status for an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Error && error.name === "AbortError") return exitCodes.interrupted;
  if (!isStrainflowError(error)) return exitCodes.unexpected;
  return byTag.find(([pattern]) => pattern.test(error.tag))?.[1] ?? exitCodes.unexpected;
}
