import { basename } from "node:path";
import type { RunRecord } from "@strainflow/search";
import { type GapReason, nsToSeconds } from "@strainflow/series";
import type { SearchRun } from "./run-search.ts";
import type { Terminal } from "./terminal.ts";
import { formatGps } from "./units.ts";

const WORDS: Readonly<Record<GapReason, string>> = {
  missing: "no data",
  lost: "lost",
  late: "late",
  damaged: "damaged",
  overflow: "no room",
  "not-ready": "vetoed",
  "warm-up": "warm-up",
  edge: "edges",
  spoiled: "beside gaps",
};

/** What a run came to, apart from its detections. */
export function tellRun(terminal: Terminal, { record, paths, end }: SearchRun): void {
  const { livetime } = record;
  const span = nsToSeconds(livetime.endNs - livetime.startNs);
  const rate = span / end.elapsedSeconds;
  terminal.say("replay", `${span.toFixed(0)} s   ${rate.toFixed(rate < 10 ? 1 : 0)} × real time`);
  if (end.interrupted)
    terminal.say("ended early", `at GPS ${formatGps(livetime.endNs)}; this is what was done until then`);
  terminal.say("livetime", livetimeText(record));
  if (livetime.searchedSeconds === 0) terminal.warn(whyNothing(record));
  terminal.say("report", paths.report);
  const others = [
    paths.triggersJson,
    paths.triggersParquet,
    ...(paths.series === undefined ? [] : [paths.series]),
  ];
  terminal.say("beside it", others.map((path) => basename(path)).join(", "));
}

/** `22.0 s of 32.0 s (not searched: warm-up 8.0 s, edges 2.0 s)` */
function livetimeText({ livetime }: RunRecord): string {
  const reasons = Object.entries(livetime.byReason).map(
    ([reason, length]) => `${WORDS[reason as GapReason]} ${length.toFixed(1)} s`,
  );
  const whole = livetime.searchedSeconds + livetime.gapSeconds;
  const why = reasons.length > 0 ? ` (not searched: ${reasons.join(", ")})` : "";
  return `${livetime.searchedSeconds.toFixed(1)} s of ${whole.toFixed(1)} s${why}`;
}

function whyNothing({ livetime }: RunRecord): string {
  const { missing, "not-ready": vetoed } = livetime.byCategory;
  const advice =
    2 * missing > livetime.gapSeconds
      ? "most of the time there are no data of all detectors at once (see strainflow inspect)"
      : 2 * vetoed > livetime.gapSeconds
        ? "most of the time is vetoed by --require-quality"
        : "give more data, or a shorter --psd-length";
  return `nothing was searched: ${advice}`;
}
