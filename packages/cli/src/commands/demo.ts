import { join } from "node:path";
import { arrivalNs, type DrawnInjection } from "@strainflow/waveforms";
import type { Command } from "commander";
import { createDetectionTable } from "../detection-table.ts";
import { exitCodes } from "../exit-code.ts";
import { flagValue } from "../flag-values.ts";
import { generateStrain } from "../generate-strain.ts";
import { afterHelp } from "../help-style.ts";
import { openInput } from "../input.ts";
import { interruptible } from "../interrupt.ts";
import { type KnownInjection, matchInjections } from "../report-of-run.ts";
import { runSearch } from "../run-search.ts";
import { tellRun } from "../tell-run.ts";
import { createTerminal, type Terminal } from "../terminal.ts";

const START = 1_000_000_000;
/** Seconds at the start in which no merger is put: the first PSD needs them. */
const QUIET = 12;

interface Flags {
  readonly seed: string;
  readonly duration: number;
  readonly injections: number;
  readonly out: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const EXAMPLE = `
Examples:
  $ strainflow demo
  $ strainflow demo --duration 1024 --injections 20 --seed 7

What it wrote is searched again, with settings of your own, by: strainflow replay strainflow-out/demo/strain/*.hdf5`;

/** An injection with its time at the detector that sees it loudest, as a detection's time is. */
function atLoudest(injection: DrawnInjection): KnownInjection {
  const { networkSnr: snr, mass1, mass2 } = injection;
  const [loudest] = Object.entries(injection.snr).sort(([, a], [, b]) => b - a);
  return {
    gpsNs: loudest === undefined ? injection.gpsNs : arrivalNs(injection, loudest[0]),
    snr,
    mass1,
    mass2,
  };
}

/** `strainflow demo`: simulated strain with mergers in it, searched as any data would be. */
export function defineDemo(command: Command): void {
  command
    .option("--seed <seed>", "any number or word: same seed, same data", "1")
    .option("--duration <s>", "seconds of data, at least 32", flagValue.whole(32), 256)
    .option("--injections <n>", "mergers to put in", flagValue.whole(0), 6)
    .option("-o, --out <folder>", "folder for data and results", "strainflow-out/demo")
    .option("--json", "one JSON object per line on stdout; all else on stderr")
    .option("-q, --quiet", "say nothing but warnings and errors")
    .addHelpText("after", afterHelp(EXAMPLE))
    .action(async (flags: Flags) => {
      const terminal = createTerminal({ json: flags.json === true, quiet: flags.quiet === true });
      await interruptible(
        (signal) => demo(flags, terminal, signal),
        (text) => terminal.warn(text),
      );
    });
}

async function demo(flags: Flags, terminal: Terminal, signal: AbortSignal): Promise<void> {
  const ifos = ["H1", "L1"];
  const { duration, injections: count } = flags;
  const generated = await generateStrain({
    out: join(flags.out, "strain"),
    ifos,
    start: START,
    duration,
    seed: flags.seed,
    psd: "advanced-ligo",
    injections: { count, start: START + QUIET, end: START + duration - 4 },
    onProgress: ({ doneSeconds, totalSeconds }) =>
      terminal.progress(`  strain      ${doneSeconds} of ${totalSeconds} s`),
    signal,
  });
  terminal.progress("");
  terminal.say(
    "strain",
    `${ifos.join(" ")}, ${duration} s of design-sensitivity noise, ${count} injected merger${count === 1 ? "" : "s"} (seed ${flags.seed})`,
  );
  const injections = generated.injections.map(atLoudest);
  const input = await openInput(generated.files, {}, signal);
  try {
    const run = await runSearch({
      input,
      settings: {},
      terminal,
      signal,
      title: "Demo: mergers in simulated noise",
      out: flags.out,
      injections,
    });
    const { detections } = run.record;
    const places = matchInjections(injections, detections);
    const found = places.filter((place) => place !== undefined).length;
    const extra = detections.length - found;
    terminal.say(
      "found",
      `${found} of ${injections.length}${extra > 0 ? `, and ${extra} that ${extra === 1 ? "was" : "were"} not injected` : ""}`,
    );
    const table = createDetectionTable(terminal, ifos, true);
    detections.forEach((detection, i) => table.add(detection, injections[places.indexOf(i)]));
    table.end();
    tellRun(terminal, run);
    if (run.end.failure !== undefined) throw run.end.failure;
    if (run.end.interrupted) process.exitCode = exitCodes.interrupted;
  } finally {
    await input.close();
  }
}
