import { readFile } from "node:fs/promises";
import { nsToSeconds, StrainflowError } from "@strainflow/series";
import { arrivalNs, type DrawnInjection } from "@strainflow/waveforms";
import { z } from "zod";
import type { KnownInjection } from "./report-of-run.ts";

/** What the strain was made with, written beside its signals. */
export interface InjectionsFacts {
  readonly ifos: readonly string[];
  readonly sampleRate: number;
  readonly start: number;
  readonly duration: number;
  readonly seed: string | number;
}

/**
 * The text of `injections.json`: times in GPS ns as strings (`gpsTime` is for reading), masses in M☉ in the detector
 * frame, distances in Mpc, angles in rad, SNRs optimal.
 */
export function injectionsJson(injections: readonly DrawnInjection[], facts: InjectionsFacts): string {
  const list = injections.map(({ gpsNs, networkSnr, snr, ...source }) => ({
    gpsNs: gpsNs.toString(),
    gpsTime: Math.round(nsToSeconds(gpsNs) * 1e6) / 1e6,
    networkSnr,
    snr,
    arrivalNs: Object.fromEntries(
      facts.ifos.map((ifo) => [ifo, arrivalNs({ gpsNs, ...source }, ifo).toString()]),
    ),
    ...source,
  }));
  return `${JSON.stringify({ ...facts, injections: list }, undefined, 2)}\n`;
}

const schema = z.object({
  injections: z.array(
    z.object({
      gpsNs: z.string().regex(/^\d{1,20}$/, "a GPS time in ns, as a string of digits"),
      networkSnr: z.number(),
      mass1: z.number(),
      mass2: z.number(),
    }),
  ),
});

/** Reads what `generate` has written. @throws `input-unreadable` */
export async function readInjections(path: string): Promise<KnownInjection[]> {
  try {
    const { injections } = schema.parse(JSON.parse(await readFile(path, "utf8")));
    return injections.map(({ gpsNs, networkSnr, mass1, mass2 }) => ({
      gpsNs: BigInt(gpsNs),
      snr: networkSnr,
      mass1,
      mass2,
    }));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw new StrainflowError(
      "input-unreadable",
      `${path}: ${why}; it must be the injections.json that \`strainflow generate\` writes`,
      { cause, details: { path } },
    );
  }
}
