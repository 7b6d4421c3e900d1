import type { RunRecord, SearchSettings } from "@strainflow/search";
import { formatNs, isStrainflowError } from "@strainflow/series";
import type { AttachedDetector } from "./detector.ts";
import { errorText } from "./error-text.ts";
import type { ReportFacts } from "./report-of-run.ts";
import type { SearchRunOptions } from "./run-search.ts";
import { version } from "./version.ts";

/** How a run ended. */
export interface RunEnd {
  /** Before its input did: stopped, or failed. */
  readonly interrupted: boolean;
  /** What failed on the way; what was searched until then is kept. */
  readonly failure?: unknown;
  readonly elapsedSeconds: number;
}

/** The run in one object: what `triggers.json` begins with, and the last line of `--json`. */
export function summaryOf(
  record: RunRecord,
  { interrupted, failure, elapsedSeconds }: RunEnd,
  input: SearchRunOptions["input"],
): Record<string, unknown> {
  const { livetime } = record;
  return {
    startNs: livetime.startNs.toString(),
    endNs: livetime.endNs.toString(),
    searchedSeconds: livetime.searchedSeconds,
    gapSeconds: livetime.gapSeconds,
    missingSeconds: livetime.byCategory.missing,
    notReadySeconds: livetime.byCategory["not-ready"],
    notSearchedSeconds: livetime.byCategory["not-searched"],
    gapSecondsByReason: livetime.byReason,
    segments: livetime.segments.map(({ startNs, endNs, reason }) => ({
      startNs: startNs.toString(),
      endNs: endNs.toString(),
      searched: reason === undefined,
      ...(reason === undefined ? {} : { reason }),
    })),
    detectionCount: record.detections.length,
    calibration: record.calibration,
    ...(input.stats === undefined ? {} : { stream: input.stats() }),
    elapsedSeconds,
    interrupted,
    ...(failure === undefined
      ? {}
      : {
          failure: {
            ...(isStrainflowError(failure) ? { tag: failure.tag } : {}),
            message: errorText(failure),
          },
        }),
    version,
  };
}

/** What the report says of how the run was made. */
export function reportFacts(
  options: SearchRunOptions,
  settings: SearchSettings,
  detector: AttachedDetector,
  record: RunRecord,
  end: RunEnd,
): ReportFacts {
  const { description, sources } = options.input;
  return {
    title: options.title,
    subtitle: end.interrupted
      ? `${description}; ended early, at GPS ${formatNs(record.livetime.endNs, 3)}${
          end.failure === undefined ? "" : `: ${errorText(end.failure)}`
        }`
      : description,
    settings,
    more: [
      ["templates", String(detector.templates.length)],
      ["server", detector.description],
    ],
    versions: [
      ["strainflow", version],
      ["server", `${detector.client.server.name} ${detector.client.server.version}`],
      ["Node", process.versions.node],
    ],
    inputs: sources,
    ...(options.injections === undefined ? {} : { injections: options.injections }),
  };
}
