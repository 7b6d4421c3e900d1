import {
  completeSettings,
  countLivetime,
  createRecorder,
  defaultSettings,
  psdFor,
  type RunRecord,
  type SearchDetection,
  type SearchSettings,
  search,
} from "@strainflow/search";
import { endNs, formatNs } from "@strainflow/series";
import { lastValueFrom, Subject, takeUntil, tap } from "rxjs";
import { type AttachedDetector, attachDetector } from "./detector.ts";
import type { StrainInput } from "./input.ts";
import { type KnownInjection, matchInjections, type ReportFacts } from "./report-of-run.ts";
import { detectionRecord, type ResultPaths, writeResults } from "./results.ts";
import type { FileSettings } from "./settings-file.ts";
import { progressBar, type Terminal } from "./terminal.ts";
import { version } from "./version.ts";

export interface SearchRun {
  readonly record: RunRecord;
  readonly paths: ResultPaths;
  readonly interrupted: boolean;
  readonly elapsedSeconds: number;
}

export interface SearchRunOptions {
  readonly input: StrainInput;
  readonly settings: FileSettings;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly title: string;
  readonly out: string;
  readonly injections?: readonly KnownInjection[];
}

/** The search's own part of a settings file, with a PSD that suits the length of the input where none is asked for. */
export function searchSettings(
  settings: FileSettings,
  input: Pick<StrainInput, "ifos" | "startNs" | "endNs">,
): SearchSettings {
  const { ifos, startNs, endNs } = input;
  const span = startNs === undefined || endNs === undefined ? undefined : seconds(endNs - startNs);
  const own = Object.fromEntries(
    Object.keys(defaultSettings).flatMap((name) => {
      const value = settings[name as keyof FileSettings];
      return value === undefined ? [] : [[name, value]];
    }),
  ) as Partial<SearchSettings>;
  return completeSettings({ ...(settings.psdLength === undefined ? psdFor(span) : {}), ...own, ifos });
}

/** Searches an input from end to end, tells what happens, and writes the results. */
export async function runSearch(options: SearchRunOptions): Promise<SearchRun> {
  const { input, settings, terminal, signal } = options;
  const chosen = searchSettings(settings, input);
  const detector = await attachDetector(settings, input.ifos, terminal, signal);
  try {
    const { sampleRate, strideSize } = detector.model.streaming;
    terminal.say(
      "model",
      `matched filter: ${detector.templates.length} templates, ${sampleRate} Hz, ${sampleRate / strideSize} outputs/s`,
    );
    terminal.say("server", detector.description);
    const { record, elapsedSeconds } = await pass(options, chosen, detector);
    const summary = summaryOf(record, signal.aborted, elapsedSeconds, input);
    const paths = await writeResults(record, {
      out: options.out,
      series: settings.series ?? "hdf5",
      report: reportFacts(options, chosen, detector),
      summary,
    });
    terminal.record({ type: "summary", ...summary });
    return { record, paths, interrupted: signal.aborted, elapsedSeconds };
  } finally {
    await detector.close();
  }
}

async function pass(
  { input, terminal, signal }: SearchRunOptions,
  settings: SearchSettings,
  detector: AttachedDetector,
): Promise<{ readonly record: RunRecord; readonly elapsedSeconds: number }> {
  const recorder = createRecorder(settings, detector.templates.length, detector.model.streaming.strideSize);
  const progress = countLivetime();
  const stop = new Subject<void>();
  const onAbort = (): void => stop.next();
  signal.addEventListener("abort", onAbort, { once: true });
  const from = performance.now();
  const elapsed = (): number => (performance.now() - from) / 1000;
  const total =
    input.startNs === undefined || input.endNs === undefined
      ? undefined
      : seconds(input.endNs - input.startNs);
  let shown = 0;

  await lastValueFrom(
    search(input.strain.pipe(takeUntil(stop)), detector.model, detector.templates, settings, {
      ...recorder,
      ranked(block) {
        recorder.ranked?.(block);
        progress.add(block);
        if (elapsed() - shown < 0.1) return;
        shown = elapsed();
        const { startNs } = progress.result();
        const done = seconds(endNs(block) - startNs);
        if (total !== undefined) terminal.progress(progressBar(done, total, elapsed(), terminal.columns));
        else terminal.progress(`  GPS ${formatNs(endNs(block), 1)}   ${done.toFixed(0)} s`);
      },
      recovery({ reason, updatesSentAgain, afterMs }) {
        terminal.warn(
          `server lost (${reason.message}); sequence restarted after ${(afterMs / 1000).toFixed(1)} s, ` +
            `${updatesSentAgain} updates sent again, no output lost`,
        );
      },
    }).pipe(
      tap((detection) => {
        recorder.detection(detection);
        terminal.record(detectionRecord(detection));
      }),
    ),
    { defaultValue: undefined },
  );
  signal.removeEventListener("abort", onAbort);
  const elapsedSeconds = elapsed();
  const record = recorder.result();
  const span = seconds(record.livetime.endNs - record.livetime.startNs);
  terminal.progress("");
  terminal.say(
    "replay",
    `${span.toFixed(0)} s   ${(span / elapsedSeconds).toFixed(span / elapsedSeconds < 10 ? 1 : 0)} × real time`,
  );
  return { record, elapsedSeconds };
}

function summaryOf(
  record: RunRecord,
  interrupted: boolean,
  elapsedSeconds: number,
  input: StrainInput,
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
    segments: livetime.segments.map(({ startNs, endNs: end, reason }) => ({
      startNs: startNs.toString(),
      endNs: end.toString(),
      searched: reason === undefined,
      ...(reason === undefined ? {} : { reason }),
    })),
    detectionCount: record.detections.length,
    calibration: record.calibration,
    ...(input.stats === undefined ? {} : { stream: input.stats() }),
    elapsedSeconds,
    interrupted,
    version,
  };
}

function reportFacts(
  options: SearchRunOptions,
  settings: SearchSettings,
  detector: AttachedDetector,
): ReportFacts {
  return {
    title: options.title,
    subtitle: options.input.description,
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
    inputs: options.input.sources,
    ...(options.injections === undefined ? {} : { injections: options.injections }),
  };
}

/** The detections as a table for people; with what was injected, where that is known. */
export function tellDetections(
  terminal: Terminal,
  detections: readonly SearchDetection[],
  ifos: readonly string[],
  injections?: readonly KnownInjection[],
): void {
  if (detections.length === 0) return;
  const found = injections === undefined ? [] : matchInjections(injections, detections);
  const delay = ifos.length === 2;
  const header = [
    "GPS time",
    "network",
    ...ifos,
    ...(delay ? ["delay"] : []),
    "masses (M☉)",
    ...(injections ? ["injected"] : []),
  ];
  const rows = detections.map((detection, i) => {
    const injection = injections?.[found.indexOf(i)];
    const [a, b] = ifos.map((ifo) => detection.peakNs[ifo]);
    return [
      formatNs(detection.gpsNs, 3),
      detection.statistic.toFixed(1),
      ...ifos.map((ifo) => detection.snr[ifo]?.toFixed(1) ?? "–"),
      ...(delay ? [a === undefined || b === undefined ? "–" : `${(Number(a - b) / 1e6).toFixed(1)} ms`] : []),
      `${detection.masses.mass1.toFixed(0)} + ${detection.masses.mass2.toFixed(0)}`,
      ...(injections ? [injection === undefined ? "–" : injection.snr.toFixed(1)] : []),
    ];
  });
  const widths = header.map((name, c) => Math.max(name.length, ...rows.map((row) => row[c]!.length)));
  terminal.line();
  for (const row of [header, ...rows])
    terminal.line(`  ${row.map((cell, c) => cell.padStart(widths[c]!)).join("   ")}`);
  terminal.line();
}

/** `22.0 s of 32.0 s (not searched: warm-up 8.0 s, edge 2.0 s)` */
export function tellLivetime(terminal: Terminal, record: RunRecord): void {
  const { livetime } = record;
  const reasons = Object.entries(livetime.byReason).map(
    ([reason, length]) => `${reason} ${length.toFixed(1)} s`,
  );
  const whole = livetime.searchedSeconds + livetime.gapSeconds;
  terminal.say(
    "livetime",
    `${livetime.searchedSeconds.toFixed(1)} s of ${whole.toFixed(1)} s${reasons.length > 0 ? ` (not searched: ${reasons.join(", ")})` : ""}`,
  );
}

function seconds(ns: bigint): number {
  return Number(ns) / 1e9;
}
