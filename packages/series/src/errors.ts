/**
 * The one base of all errors that strainflow raises on purpose.
 *
 * Match on `tag`, not with `instanceof`: two copies of a package may be loaded side by side.
 * Each package declares its own tags; `isStrainflowError(error, "hdf5-damaged")` narrows to one.
 * A message says what was wrong, where, and what to do about it.
 */
export class StrainflowError extends Error {
  /** Stable and machine-readable, in kebab-case. */
  readonly tag: string;
  /** Typed facts about the failure: `path`, `modelName`, `sequenceId`, `start`, … */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    tag: string,
    message: string,
    options: { readonly cause?: unknown; readonly details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "StrainflowError";
    this.tag = tag;
    this.details = options.details ?? {};
  }
}

/** Whether `error` was raised by strainflow, and, if `tag` is given, whether it is that one. */
export function isStrainflowError(error: unknown, tag?: string): error is StrainflowError {
  if (!(error instanceof Error) || error.name !== "StrainflowError") return false;
  const own = (error as Partial<StrainflowError>).tag;
  return typeof own === "string" && (tag === undefined || own === tag);
}

/**
 * An option that cannot be used.
 *
 * @example
 * ```ts
 * throw invalidOption("createWindow", "strideSize", 0, "a whole number of samples ≥ 1");
 * ```
 */
export function invalidOption(
  where: string,
  option: string,
  value: unknown,
  expected: string,
): StrainflowError {
  return new StrainflowError(
    "invalid-option",
    `${where}: ${option} is ${String(value)}; it must be ${expected}`,
    {
      details: { where, option, value },
    },
  );
}
