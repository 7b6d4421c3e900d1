import { isStrainflowError, StrainflowError } from "@strainflow/series";
import { exitCodeOf, exitCodes } from "./exit-code.ts";

const KEEPING = "stopping: what is done is being written (press Ctrl-C again to end at once)";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Does work that Ctrl-C, SIGTERM and the end of the terminal stop: the first aborts the signal, the second ends the process at once.
 *
 * @param text what is told at the first of them
 * @throws `aborted` for whatever the work threw because it was stopped; else what it throws
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  tell: (text: string) => void,
  text: string = KEEPING,
): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const handle = (): void => {
    if (signal.aborted) process.exit(exitCodes.interrupted);
    controller.abort();
    tell(text);
  };
  for (const name of SIGNALS) process.on(name, handle);
  try {
    return await work(signal);
  } catch (error) {
    if (!signal.aborted || exitCodeOf(error) === exitCodes.output || isStrainflowError(error, "aborted"))
      throw error;
    throw new StrainflowError("aborted", "stopped before there was anything to keep", { cause: error });
  } finally {
    for (const name of SIGNALS) process.off(name, handle);
  }
}
