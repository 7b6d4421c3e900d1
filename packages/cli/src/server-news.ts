import type { ServerEvent } from "@strainflow/launch";
import type { SearchTaps } from "@strainflow/search";
import { isStrainflowError } from "@strainflow/series";
import type { Terminal } from "./terminal.ts";

/** What happens to the server, in one line for what was made good. */
export interface ServerNews {
  /** Whether it is lost and not back yet. */
  readonly away: boolean;
  event(event: ServerEvent): void;
  lost(error: Error): void;
  recovered(recovery: Parameters<NonNullable<SearchTaps["recovery"]>>[0]): void;
}

/** Milliseconds after which a server that is not back yet is worth a line of its own. */
const PATIENCE_MS = 5000;

export function createServerNews(terminal: Terminal): ServerNews {
  let exit: string | undefined;
  let waiting: NodeJS.Timeout | undefined;
  const why = (error: Error): string => exit ?? reasonOf(error);
  return {
    get away() {
      return waiting !== undefined;
    },
    event(event) {
      if (event.kind === "died") exit = describeExit(event.exit);
      else if (event.kind === "given-up") terminal.warn(event.error.message);
      else if (event.kind === "ready" && event.restarts > 0 && waiting === undefined && exit !== undefined) {
        terminal.warn(`server died (${exit}) and was started again; nothing was under way`);
        exit = undefined;
      }
    },
    lost(error) {
      terminal.progress("  server      lost; trying to get it back …");
      waiting = setTimeout(
        () => terminal.warn(`server lost (${why(error)}); trying for up to a minute`),
        PATIENCE_MS,
      );
      waiting.unref();
    },
    recovered({ reason, updatesSentAgain, afterMs }) {
      clearTimeout(waiting);
      terminal.warn(
        `server lost (${why(reason)}); back after ${(afterMs / 1000).toFixed(1)} s, ` +
          `${updatesSentAgain} updates sent again, no output lost`,
      );
      waiting = undefined;
      exit = undefined;
    },
  };
}

function describeExit({ code, signal }: Extract<ServerEvent, { kind: "died" }>["exit"]): string {
  return signal === undefined ? `exit code ${code}` : `killed by ${signal}`;
}

const REASONS: Readonly<Record<string, string>> = {
  connect: "no connection",
  transport: "the connection broke",
  watchdog: "no answer",
  malformed: "an answer that cannot be read",
};

function reasonOf(error: Error): string {
  const reason = isStrainflowError(error, "stream-lost") ? String(error.details["reason"]) : "";
  return REASONS[reason] ?? error.message;
}
