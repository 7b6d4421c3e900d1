import type { SearchDetection } from "@strainflow/search";
import { formatNs } from "@strainflow/series";
import type { KnownInjection } from "./report-of-run.ts";
import type { Terminal } from "./terminal.ts";

interface Column {
  readonly head: string;
  readonly width: number;
  readonly cell: (detection: SearchDetection, injection: KnownInjection | undefined) => string;
}

/** A table that grows as detections come. */
export interface DetectionTable {
  /** @param injection what was found, where that is known */
  add(detection: SearchDetection, injection?: KnownInjection): void;
  /** Ends it with a blank line, if it has begun. */
  end(): void;
}

/** @param injected whether a column tells what was injected */
export function createDetectionTable(
  terminal: Terminal,
  ifos: readonly string[],
  injected = false,
): DetectionTable {
  const columns: readonly Column[] = [
    { head: "GPS time", width: 14, cell: ({ gpsNs }) => formatNs(gpsNs, 3) },
    { head: "network", width: 7, cell: ({ statistic }) => statistic.toFixed(1) },
    ...ifos.map((ifo) => ({
      head: ifo,
      width: Math.max(5, ifo.length),
      cell: ({ snr }: SearchDetection) => snr[ifo]?.toFixed(1) ?? "–",
    })),
    ...(ifos.length === 2 ? [{ head: `${ifos.join("−")}`, width: 8, cell: delayBetween(ifos) }] : []),
    {
      head: "masses (M☉)",
      width: 11,
      cell: ({ masses: { mass1, mass2 } }) => `${mass1.toFixed(0)} + ${mass2.toFixed(0)}`,
    },
    ...(injected
      ? [
          {
            head: "injected",
            width: 8,
            cell: (_: SearchDetection, one: KnownInjection | undefined) => one?.snr.toFixed(1) ?? "–",
          },
        ]
      : []),
  ];
  const wide = columns.reduce((sum, { width }) => sum + width + 3, -1);
  const between = wide <= terminal.columns ? "   " : "  ";
  const row = (cell: (column: Column) => string): void =>
    terminal.line(`  ${columns.map((column) => cell(column).padStart(column.width)).join(between)}`);
  let begun = false;
  return {
    add(detection, injection) {
      if (!begun) {
        terminal.line();
        row(({ head }) => head);
      }
      begun = true;
      row(({ cell }) => cell(detection, injection));
    },
    end() {
      if (begun) terminal.line();
    },
  };
}

/** When the first detector saw the peak, less when the second did. */
function delayBetween([first = "", second = ""]: readonly string[]): Column["cell"] {
  return ({ peakNs }) => {
    const a = peakNs[first];
    const b = peakNs[second];
    if (a === undefined || b === undefined) return "–";
    return `${(Number(a - b) / 1e6).toFixed(1).replace("-", "−")} ms`;
  };
}
