import type { ReportData, ReportDetection, ReportInjection, ReportPanel } from "@strainflow/dashboard";
import type { RunRecord, SearchSettings } from "@strainflow/search";
import { formatNs, indexToNs } from "@strainflow/series";

/** What was put into simulated data. */
export interface KnownInjection {
  readonly gpsNs: bigint;
  readonly snr: number;
  readonly mass1: number;
  readonly mass2: number;
}

/** How far an injection and the detection that found it may lie apart: a template's own error, and light-travel time. */
const FOUND_WITHIN_NS = 50_000_000n;

/** Pairs injections with the detections nearest to them, if near enough; each detection finds one. */
export function matchInjections(
  injections: readonly KnownInjection[],
  detections: readonly { readonly gpsNs: bigint }[],
): readonly (number | undefined)[] {
  const taken = new Set<number>();
  return injections.map(({ gpsNs }) => {
    let best: number | undefined;
    let bestNs = FOUND_WITHIN_NS;
    detections.forEach((detection, i) => {
      const apart = detection.gpsNs > gpsNs ? detection.gpsNs - gpsNs : gpsNs - detection.gpsNs;
      if (apart <= bestNs && !taken.has(i)) {
        best = i;
        bestNs = apart;
      }
    });
    if (best !== undefined) taken.add(best);
    return best;
  });
}

export interface ReportFacts {
  readonly title: string;
  readonly subtitle: string;
  readonly settings: SearchSettings;
  readonly more: readonly (readonly [string, string])[];
  readonly versions: readonly (readonly [string, string])[];
  readonly inputs: readonly (readonly [string, string])[];
  readonly injections?: readonly KnownInjection[];
}

/** Puts a run's record into the form of the report page. */
export function reportOfRun(run: RunRecord, facts: ReportFacts): ReportData {
  const { settings } = facts;
  const { livetime } = run;
  const found = facts.injections === undefined ? [] : matchInjections(facts.injections, run.detections);
  return {
    title: facts.title,
    subtitle: facts.subtitle,
    generatedUtc: new Date().toISOString(),
    startNs: livetime.startNs,
    endNs: livetime.endNs,
    ifos: settings.ifos,
    sampleRate: settings.sampleRate,
    segments: livetime.segments,
    livetime: { searchedSeconds: livetime.searchedSeconds, gapSeconds: livetime.gapSeconds },
    threshold: settings.threshold,
    detections: run.detections.map(
      (detection): ReportDetection => ({
        gpsNs: detection.gpsNs,
        statistic: detection.statistic,
        snr: detection.snr,
        peakNs: detection.peakNs,
        phase: detection.phase,
        mass1: detection.masses.mass1,
        mass2: detection.masses.mass2,
        panels: Object.fromEntries(
          Object.entries(detection.panels).map(([ifo, panel]): [string, ReportPanel] => {
            const line = {
              startNs: indexToNs(panel.start, settings.sampleRate),
              sampleRate: settings.sampleRate,
            };
            const { spectrogram } = panel;
            return [
              ifo,
              {
                strain: { ...line, values: panel.strain },
                whitened: { ...line, values: panel.whitened },
                template: { ...line, values: panel.template },
                spectrogram: {
                  startNs: indexToNs(spectrogram.start, spectrogram.columnRate),
                  columnRate: spectrogram.columnRate,
                  frequencies: spectrogram.frequencies,
                  energy: spectrogram.energy,
                },
              },
            ];
          }),
        ),
      }),
    ),
    ...(facts.injections === undefined
      ? {}
      : {
          injections: facts.injections.map((injection, i): ReportInjection => {
            const foundBy = found[i];
            if (foundBy !== undefined) return { ...injection, foundBy };
            const note = whyMissed(injection.gpsNs, run);
            return note === undefined ? injection : { ...injection, note };
          }),
        }),
    series: [
      {
        name: "network SNR",
        unit: "",
        startNs: indexToNs(run.network.start, run.network.sampleRate),
        sampleRate: run.network.sampleRate,
        values: run.network.values,
      },
      ...settings.ifos.flatMap((ifo) => {
        const line = run.snr[ifo];
        return line === undefined
          ? []
          : [
              {
                name: `${ifo} SNR`,
                unit: "",
                ifo,
                startNs: indexToNs(line.start, line.sampleRate),
                sampleRate: line.sampleRate,
                values: line.values,
              },
            ];
      }),
    ],
    envelopes: settings.ifos.flatMap((ifo) => {
      const envelope = run.envelopes[ifo];
      return envelope === undefined
        ? []
        : [
            {
              ifo,
              startNs: indexToNs(envelope.start, envelope.binRate),
              binRate: envelope.binRate,
              low: envelope.low,
              high: envelope.high,
            },
          ];
    }),
    calibration: run.calibration,
    settings: [
      ...Object.entries(settings).map(([name, value]): [string, string] => [
        name,
        Array.isArray(value) ? value.join(", ") : String(value),
      ]),
      ...facts.more,
    ],
    versions: facts.versions,
    inputs: facts.inputs,
  };
}

function whyMissed(gpsNs: bigint, run: RunRecord): string | undefined {
  const segment = run.livetime.segments.find((s) => s.startNs <= gpsNs && s.endNs > gpsNs);
  if (segment === undefined) return `outside of the data (GPS ${formatNs(gpsNs, 0)})`;
  return segment.reason === undefined ? undefined : `not searched: ${segment.reason}`;
}
