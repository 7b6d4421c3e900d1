import { createWriteStream, type WriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { formatNs, StrainflowError } from "@strainflow/series";
import { type Command, InvalidArgumentError, Option } from "commander";
import { exitCodes } from "../exit-code.ts";
import { flagValue } from "../flag-values.ts";
import { afterHelp } from "../help-style.ts";
import { interruptible } from "../interrupt.ts";
import { openSources } from "../replay-sources.ts";
import { type SentBlock, sendStrain } from "../send-strain.ts";
import { createTerminal, type Terminal } from "../terminal.ts";
import { formatSeconds } from "../units.ts";

interface Flags {
  readonly to: string;
  readonly pattern: "pub" | "push";
  readonly speed: number;
  readonly restamp?: "now" | number;
  readonly loop?: boolean;
  readonly waitFor: number;
  readonly blockLength: number;
  readonly ifos?: string[];
  readonly gpsStart?: number;
  readonly gpsEnd?: number;
  readonly drop?: number;
  readonly dropSeed: string;
  readonly dropLog?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const EXAMPLE = `
Examples:
  $ strainflow send strain/*.hdf5 --restamp now &
  $ strainflow replay --from zmq://127.0.0.1:5555

  $ strainflow send strain/*.hdf5 --speed 20 --drop 0.01 --drop-seed 1 --drop-log dropped.jsonl

A pub sender waits for nobody: at max speed, what a slower receiver has no room for is lost to it. To send as fast as it
can take, let it pull: send --pattern push --speed max, and replay --pattern pull.`;

/** `strainflow send FILES…` */
export function defineSend(command: Command): void {
  command
    .argument("<files...>", "strain files or globs, as for replay")
    .option("--to <address>", "where to bind", "zmq://127.0.0.1:5555")
    .addOption(
      new Option("--pattern <kind>", "pub for all who subscribe, push for one receiver that is waited for")
        .choices(["pub", "push"])
        .default("pub"),
    )
    .option("--speed <x>", "seconds of data per second, or max", flagValue.speed, 1)
    .option("--restamp <GPS>", "move the data to now, or to a GPS time, by whole seconds", restamp)
    .option("--loop", "again and again, each pass where the last one ended")
    .option("--wait-for <n>", "subscribers to wait for before the first message", flagValue.whole(0), 1)
    .option("--block-length <s>", "seconds per message", flagValue.positive, 1)
    .option("--ifos <names>", "detectors, by commas (default: those in the files)", flagValue.list)
    .option("--gps-start <s>", "where to begin, GPS seconds or UTC", flagValue.gps)
    .option("--gps-end <s>", "where to end, GPS seconds or UTC", flagValue.gps)
    .option(
      "--drop <fraction>",
      "lose so many of the messages on purpose, to test a receiver",
      flagValue.fraction,
    )
    .option("--drop-seed <seed>", "same seed, same losses", "1")
    .option("--drop-log <file>", "write what was dropped, one JSON object per line")
    .option("--json", "one JSON object per line on stdout; all else on stderr")
    .option("-q, --quiet", "say nothing but warnings and errors")
    .addHelpText("after", afterHelp(EXAMPLE))
    .action(send);
}

async function send(files: string[], flags: Flags): Promise<void> {
  const terminal = createTerminal({ json: flags.json === true, quiet: flags.quiet === true });
  await interruptible(
    (signal) => sendFiles(files, flags, terminal, signal),
    (text) => terminal.warn(text),
    "stopping: receivers are told that this was all",
  );
}

async function sendFiles(
  files: readonly string[],
  flags: Flags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const log = flags.dropLog === undefined ? undefined : openLog(flags.dropLog);
  const { ifos, gpsStart, gpsEnd, blockLength, drop, restamp: moved } = flags;
  const from = performance.now();
  let shownAt = 0;
  let firstNs: bigint | undefined;
  try {
    const readers = await openSources(files, {
      blockLength,
      signal,
      ...(ifos === undefined ? {} : { ifos }),
      ...(gpsStart === undefined ? {} : { gpsStart }),
      ...(gpsEnd === undefined ? {} : { gpsEnd }),
    });
    const totals = await sendStrain({
      readers,
      to: flags.to,
      pattern: flags.pattern,
      speed: flags.speed,
      loop: flags.loop === true,
      waitFor: flags.pattern === "pub" ? flags.waitFor : 0,
      signal,
      ...(moved === undefined ? {} : { restamp: moved }),
      ...(drop === undefined ? {} : { drop: { fraction: drop, seed: flags.dropSeed } }),
      onReady({ endpoint }) {
        const address = endpoint.replace(/^tcp:/, "zmq:");
        terminal.say(
          "data",
          readers.map(({ format }) => `${format.channels} ${format.sampleRate} Hz`).join(", "),
        );
        terminal.say("sending on", address);
        if (flags.pattern === "pub" && flags.waitFor > 0)
          terminal.say("waiting", `for ${flags.waitFor} subscriber${flags.waitFor === 1 ? "" : "s"}`);
        terminal.record({ type: "ready", address });
      },
      onSent(block) {
        firstNs ??= block.startNs;
        if (block.dropped) tellDropped(block, log, terminal);
        const elapsed = (performance.now() - from) / 1000;
        if (elapsed - shownAt < 0.1) return;
        shownAt = elapsed;
        const length = Number(block.endNs - firstNs) / 1e9;
        terminal.progress(`  sent        ${length.toFixed(0)} s, to GPS ${formatNs(block.endNs, 1)}`);
      },
    });
    terminal.progress("");
    const seconds = (samples: number): string =>
      formatSeconds(samples / readers.reduce((sum, { format }) => sum + format.sampleRate, 0));
    terminal.say("sent", `${totals.messages} messages, ${seconds(totals.samples)}`);
    if (drop !== undefined)
      terminal.say(
        "dropped",
        `${totals.droppedMessages} messages, ${totals.droppedSamples} samples, on purpose`,
      );
    terminal.record({ type: "summary", ...totals, interrupted: signal.aborted });
    if (signal.aborted) process.exitCode = exitCodes.interrupted;
  } finally {
    if (log !== undefined) await closeLog(log);
  }
}

function tellDropped(block: SentBlock, log: WriteStream | undefined, terminal: Terminal): void {
  const record = {
    ifo: block.ifo,
    message: block.message,
    startNs: block.startNs.toString(),
    endNs: block.endNs.toString(),
    samples: block.samples,
  };
  log?.write(`${JSON.stringify(record)}\n`);
  terminal.record({ type: "dropped", ...record });
}

/** Opened before anything is sent, so that a wrong path is told at once; its failure is told when it is closed. */
function openLog(path: string): WriteStream {
  const log = createWriteStream(path);
  log.on("error", () => undefined);
  return log;
}

async function closeLog(log: WriteStream): Promise<void> {
  try {
    log.end();
    await finished(log);
  } catch (cause) {
    throw new StrainflowError(
      "output-unwritable",
      `${String(log.path)} cannot be written (${cause instanceof Error ? cause.message : String(cause)}); choose another --drop-log`,
      { cause },
    );
  }
}

function restamp(text: string): "now" | number {
  if (text === "now") return text;
  try {
    return flagValue.gps(text);
  } catch {
    throw new InvalidArgumentError("it must be now, GPS seconds, or a time like 2015-09-14T09:50:45Z");
  }
}
