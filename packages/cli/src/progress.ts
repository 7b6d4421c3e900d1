/** How far a search has come. */
export interface Progress {
  /** Seconds of data. */
  readonly done: number;
  /** Seconds of data in all. */
  readonly total: number;
  readonly elapsedSeconds: number;
}

const NAME = `  ${"replay".padEnd(12)}`;
const LONGEST_BAR = 24;
const SHORTEST_BAR = 6;

/** `  replay      ████████░░░░  128 of 256 s   97 × real time   1 s left`, with less of it where there is less room. */
export function progressLine({ done, total, elapsedSeconds }: Progress, columns: number): string {
  const rate = elapsedSeconds > 0 ? done / elapsedSeconds : 0;
  const left = rate > 0 ? `${duration((total - done) / rate)} left` : "";
  const times = rate.toFixed(rate < 10 ? 1 : 0);
  const full = `${done.toFixed(0)} of ${total.toFixed(0)} s   ${times} × real time   ${left}`;
  const share = total > 0 ? Math.min(1, done / total) : 1;
  const percent = `${Math.floor(100 * share)} %`;
  const short = `${percent}   ${times} ×   ${left}`;
  for (const facts of [full, short, percent]) {
    const room = columns - 1 - NAME.length - facts.length - 2;
    if (room < SHORTEST_BAR) continue;
    const width = Math.min(LONGEST_BAR, room);
    const filled = Math.round(width * share);
    return `${NAME}${"█".repeat(filled)}${"░".repeat(width - filled)}  ${facts}`.trimEnd();
  }
  return percent;
}

/** Where a live search is: `  replay      GPS 1000000042.0   42 s   3.1 s behind`. */
export function liveProgressLine(gps: number, doneSeconds: number, nowGps: number): string {
  const behind = nowGps - gps;
  // Data of another time are replayed: how old they are says nothing.
  const lag = Math.abs(behind) < 3600 ? `   ${behind.toFixed(1)} s behind` : "";
  return `${NAME}GPS ${gps.toFixed(1)}   ${doneSeconds.toFixed(0)} s${lag}`;
}

/** `42 s`, `12 min`, `3.4 h` */
function duration(seconds: number): string {
  if (seconds < 100) return `${seconds.toFixed(0)} s`;
  return seconds < 6000 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
