import { join } from "node:path";
import { arrivalNs, type DrawnInjection } from "@strainflow/waveforms";
import type { Command } from "commander";
import { exitCodes } from "../exit-code.ts";
import { generateStrain } from "../generate-strain.ts";
import { openInput } from "../input.ts";
import { onInterrupt } from "../interrupt.ts";
import { type KnownInjection, matchInjections } from "../report-of-run.ts";
import { runSearch, tellDetections, tellLivetime } from "../run-search.ts";
import { createTerminal } from "../terminal.ts";

const START = 1_000_000_000;
/** Seconds at the start in which no merger is put: the first PSD needs them. */
const QUIET = 12;

interface Flags {
  readonly seed: string;
  readonly duration: string;
  readonly injections: string;
  readonly out: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

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
export function addDemo(program: Command): void {
  program
    .command("demo")
    .description("simulate two detectors with mergers in their noise, search them, and show what was found")
    .option("--seed <n>", "same seed, same data", "1")
    .option("--duration <s>", "seconds of data", "256")
    .option("--injections <n>", "mergers to put in", "6")
    .option("-o, --out <folder>", "folder for data and results", join("strainflow-out", "demo"))
    .option("--json", "one JSON object per line on stdout; all else on stderr")
    .option("-q, --quiet", "say nothing but warnings and errors")
    .action(async (flags: Flags) => {
      const terminal = createTerminal({ json: flags.json === true, quiet: flags.quiet === true });
      const interrupt = onInterrupt((text) => terminal.warn(text));
      try {
        await demo(flags, terminal, interrupt.signal);
        if (interrupt.signal.aborted) process.exitCode = exitCodes.interrupted;
      } finally {
        interrupt.dispose();
      }
    });
}

async function demo(
  flags: Flags,
  terminal: ReturnType<typeof createTerminal>,
  signal: AbortSignal,
): Promise<void> {
  const ifos = ["H1", "L1"];
  const duration = Number(flags.duration);
  const count = Number(flags.injections);
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
    `${ifos.join(" ")}, ${duration} s of design-sensitivity noise, ${count} injected mergers (seed ${flags.seed})`,
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
    const found = matchInjections(injections, detections).filter((place) => place !== undefined).length;
    const extra = detections.length - found;
    terminal.say(
      "found",
      `${found} of ${injections.length}${extra > 0 ? `, and ${extra} that ${extra === 1 ? "was" : "were"} not injected` : ""}`,
    );
    tellDetections(terminal, detections, ifos, injections);
    tellLivetime(terminal, run.record);
    terminal.say("report", run.paths.report);
  } finally {
    await input.close();
  }
}
