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
import { endNs, nsToSeconds, StrainflowError, utcToGps } from "@strainflow/series";
import { catchError, EMPTY, lastValueFrom, Subject, takeUntil, tap } from "rxjs";
import { type AttachedDetector, attachDetector } from "./detector.ts";
import type { StrainInput } from "./input.ts";
import { makeOutputFolder } from "./output-folder.ts";
import { liveProgressLine, progressLine } from "./progress.ts";
import type { KnownInjection } from "./report-of-run.ts";
import { detectionRecord, type ResultPaths, writeResults } from "./results.ts";
import { type RunEnd, reportFacts, summaryOf } from "./run-summary.ts";
import { createServerNews, type ServerNews } from "./server-news.ts";
import type { FileSettings } from "./settings-file.ts";
import { tellLatencies } from "./tell-latencies.ts";
import type { Terminal } from "./terminal.ts";

export interface SearchRun {
  readonly record: RunRecord;
  readonly paths: ResultPaths;
  readonly end: RunEnd;
}

export interface SearchRunOptions {
  readonly input: StrainInput;
  readonly settings: FileSettings;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly title: string;
  readonly out: string;
  readonly injections?: readonly KnownInjection[];
  /** Each detection as it is found. */
  readonly onDetection?: (detection: SearchDetection) => void;
}

/** The search's own part of a settings file, with a PSD that suits the length of the input where none is asked for. */
export function searchSettings(
  settings: FileSettings,
  input: Pick<StrainInput, "ifos" | "startNs" | "endNs">,
): SearchSettings {
  const { ifos, startNs, endNs } = input;
  const span = startNs === undefined || endNs === undefined ? undefined : nsToSeconds(endNs - startNs);
  const own = Object.fromEntries(
    Object.keys(defaultSettings).flatMap((name) => {
      const value = settings[name as keyof FileSettings];
      return value === undefined ? [] : [[name, value]];
    }),
  ) as Partial<SearchSettings>;
  return completeSettings({ ...psdFor(span, settings.psdLength), ...own, ifos });
}

/** Seconds of data in a request, where nobody waits for the newest: more save little, and take longer to send again. */
const LONG_REQUEST = 4;

/**
 * Seconds of data per request: one for a live stream, since its first sample waits for its last. Data that are there
 * already go in longer ones, which take a tenth of the CPU off a run, as long as one PSD holds for all of a request.
 */
export function requestLength(
  { psdStride }: Pick<SearchSettings, "psdStride">,
  { endNs }: Pick<StrainInput, "endNs">,
): number {
  return endNs !== undefined && psdStride % LONG_REQUEST === 0 ? LONG_REQUEST : 1;
}

/**
 * Searches an input, tells what happens, and writes the results: of all of it, or where it was stopped or something
 * failed, of what was searched until then.
 *
 * @throws whatever fails before anything was searched; `aborted` if it was stopped then; `output-unwritable`
 */
export async function runSearch(options: SearchRunOptions): Promise<SearchRun> {
  const { input, settings, terminal, signal } = options;
  const wanted = searchSettings(settings, input);
  await makeOutputFolder(options.out);
  const news = createServerNews(terminal);
  const detector = await attachDetector({
    settings,
    ifos: input.ifos,
    requestLength: requestLength(wanted, input),
    terminal,
    signal,
    onEvent: news.event,
  });
  let stopTelling: () => Promise<void> = async () => undefined;
  try {
    stopTelling = await tellLatencies(
      settings.listen,
      `search of ${input.ifos.join(" ")}`,
      detector.model,
      terminal,
    );
    const { sampleRate, strideSize } = detector.model.streaming;
    terminal.say(
      "model",
      `matched filter: ${detector.templates.length} templates, ${sampleRate} Hz, ${sampleRate / strideSize} outputs/s`,
    );
    terminal.say("server", detector.description);
    const chosen = inModelsOrder(wanted, detector);
    const { record, end } = await pass(options, chosen, detector, news);
    if (record.livetime.segments.length === 0) {
      if (end.failure !== undefined) throw end.failure;
      if (end.interrupted)
        throw new StrainflowError("aborted", "stopped before anything was searched; nothing is written");
    }
    const summary = summaryOf(record, end, input);
    const paths = await writeResults(record, {
      out: options.out,
      series: settings.series ?? "hdf5",
      report: reportFacts(options, chosen, detector, record, end),
      summary,
    });
    terminal.record({ type: "summary", ...summary });
    return { record, paths, end };
  } finally {
    await stopTelling();
    await detector.close();
  }
}

/** The same detectors, in the order of the model's channels. @throws `shape-mismatch` */
function inModelsOrder(settings: SearchSettings, { model, description }: AttachedDetector): SearchSettings {
  const { channels } = model.streaming;
  const absent = channels.filter((ifo) => !settings.ifos.includes(ifo));
  const more = settings.ifos.filter((ifo) => !channels.includes(ifo));
  if (absent.length === 0 && more.length === 0) return { ...settings, ifos: channels };
  const advice =
    absent.length === 0
      ? `choose its detectors with --ifos ${channels.join(",")}`
      : `give data of ${absent.join(", ")} too, or serve a model of ${settings.ifos.join(", ")}`;
  throw new StrainflowError(
    "shape-mismatch",
    `model "${model.name}" at ${description} takes ${channels.join(", ")}; the data have ${settings.ifos.join(", ")}: ${advice}`,
  );
}

async function pass(
  { input, terminal, signal, onDetection }: SearchRunOptions,
  settings: SearchSettings,
  detector: AttachedDetector,
  news: ServerNews,
): Promise<{ readonly record: RunRecord; readonly end: RunEnd }> {
  const recorder = createRecorder(settings, detector.templates.length, detector.model.streaming.strideSize);
  const progress = countLivetime();
  const stop = new Subject<void>();
  const abandon = new Subject<void>();
  let abandoning: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    stop.next();
    // What is under way is waited for, but not a server that is not there.
    abandoning = setInterval(() => news.away && abandon.next(), 2000);
  };
  const from = performance.now();
  const elapsed = (): number => (performance.now() - from) / 1000;
  const { startNs, endNs: lastNs } = input;
  const total = startNs === undefined || lastNs === undefined ? undefined : nsToSeconds(lastNs - startNs);
  let shown = 0;
  let failure: unknown;
  // Where the input fails, what came before it is searched to its end, as where it is stopped.
  const strain = input.strain.pipe(
    catchError((error: unknown) => {
      failure = error;
      return EMPTY;
    }),
    takeUntil(stop),
  );

  const found = search(strain, detector.model, detector.templates, settings, {
    ...recorder,
    ranked(block) {
      recorder.ranked?.(block);
      progress.add(block);
      if (elapsed() - shown < 0.1) return;
      shown = elapsed();
      const done = nsToSeconds(endNs(block) - progress.result().startNs);
      terminal.progress(
        total === undefined
          ? liveProgressLine(nsToSeconds(endNs(block)), done, utcToGps(new Date()))
          : progressLine({ done, total, elapsedSeconds: elapsed() }, terminal.columns),
      );
    },
    loss: news.lost,
    recovery: news.recovered,
  }).pipe(
    tap((detection) => {
      recorder.detection(detection);
      terminal.record(detectionRecord(detection));
      onDetection?.(detection);
    }),
    takeUntil(abandon),
  );
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    if (!signal.aborted) await lastValueFrom(found, { defaultValue: undefined });
  } catch (error) {
    failure ??= error;
  } finally {
    signal.removeEventListener("abort", onAbort);
    clearInterval(abandoning);
    terminal.progress("");
  }
  const record = recorder.result();
  const interrupted = signal.aborted || failure !== undefined;
  return {
    record,
    end: { interrupted, ...(failure === undefined ? {} : { failure }), elapsedSeconds: elapsed() },
  };
}
