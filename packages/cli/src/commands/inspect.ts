import { indexToNs } from "@strainflow/series";
import type { Command } from "commander";
import { afterHelp } from "../help-style.ts";
import {
  type FileInspection,
  type InspectedChannel,
  inspectionRecord,
  inspectStrain,
} from "../inspect-file.ts";
import { interruptible } from "../interrupt.ts";
import { createTerminal, type Terminal } from "../terminal.ts";
import { formatBytes, formatGps, formatSeconds, formatUtc } from "../units.ts";

interface Flags {
  readonly scan: boolean;
  readonly json?: boolean;
}

const EXAMPLE = `
Examples:
  $ strainflow inspect H-H1_GWOSC_4KHZ_R1-1126259447-32.hdf5
  $ strainflow inspect --json strain/*.hdf5 | jq .channels[].gaps

Damage is told, not fatal, as long as a file can be opened.`;

const LAYOUTS = { gwosc: "GWOSC", gwpy: "gwpy", aframe: "aframe", arrow: "Arrow" } as const;
/** A file with more gaps than these is told by their sums. */
const GAPS_SHOWN = 12;

/** `strainflow inspect FILE…` */
export function defineInspect(command: Command): void {
  command
    .argument("<files...>", "HDF5 in any layout (GWOSC, gwpy, aframe), or Arrow")
    .option("--no-scan", "do not read the samples: no gaps, no damage, but at once")
    .option("--json", "one JSON object per file on stdout; all else on stderr")
    .addHelpText("after", afterHelp(EXAMPLE))
    .action(async (files: string[], flags: Flags) => {
      const terminal = createTerminal({ json: flags.json === true });
      const inspected: FileInspection[] = [];
      await interruptible(
        async (signal) => {
          for (const path of files) {
            const file = await inspectStrain(path, { scan: flags.scan, signal });
            inspected.push(file);
            terminal.record(inspectionRecord(file));
            if (!terminal.json) tellFile(terminal, file);
          }
        },
        (text) => terminal.warn(text),
        "stopping",
      );
      if (!terminal.json && files.length > 1) tellTogether(terminal, inspected);
    });
}

function tellFile(terminal: Terminal, file: FileInspection): void {
  terminal.line(file.path);
  terminal.say("layout", `${LAYOUTS[file.layout]}, ${formatBytes(file.byteSize)}`);
  for (const channel of file.channels) tellChannel(terminal, channel);
  terminal.line();
}

function tellChannel(terminal: Terminal, channel: InspectedChannel): void {
  const { sampleRate, start, size, dtype, unit } = channel;
  const startNs = indexToNs(start, sampleRate);
  terminal.say(
    "channel",
    channel.dataset === channel.channel ? channel.channel : `${channel.channel}   (${channel.dataset})`,
  );
  terminal.say(
    "samples",
    `${sampleRate} Hz${dtype === undefined ? "" : `, ${dtype}`}, ${unit === "" ? "no unit" : `unit "${unit}"`}; ${channel.stored}`,
  );
  terminal.say(
    "span",
    `GPS ${formatGps(startNs)} … ${formatGps(indexToNs(start + size, sampleRate))} (${formatSeconds(size / sampleRate)})`,
  );
  terminal.say("", `${formatUtc(startNs)} … ${formatUtc(indexToNs(start + size, sampleRate))}`);
  const seconds = size / sampleRate;
  for (const mask of ["quality", "injections"] as const) {
    const bits = channel.quality.filter((bit) => bit.mask === mask);
    if (bits.length > 0)
      terminal.say(
        mask,
        bits
          .map((bit) => `${bit.name} ${bit.seconds >= seconds ? "all" : formatSeconds(bit.seconds)}`)
          .join(", "),
      );
  }
  tellGaps(terminal, channel);
}

function tellGaps(terminal: Terminal, { gaps, sampleRate }: InspectedChannel): void {
  if (gaps === undefined) return;
  const length = (gap: { readonly start: number; readonly end: number }): number =>
    (gap.end - gap.start) / sampleRate;
  const sums = new Map<string, number>();
  for (const gap of gaps) sums.set(gap.reason, (sums.get(gap.reason) ?? 0) + length(gap));
  const parts = [...sums].map(([reason, sum]) => `${reason} ${formatSeconds(sum)}`);
  terminal.say("gaps", gaps.length === 0 ? "none" : `${gaps.length}: ${parts.join(", ")}`);
  for (const gap of gaps.slice(0, GAPS_SHOWN))
    terminal.say(
      "",
      `GPS ${formatGps(indexToNs(gap.start, sampleRate))} + ${formatSeconds(length(gap))}   ${gap.reason}${
        gap.detail === undefined ? "" : ` (${gap.detail})`
      }`,
    );
  if (gaps.length > GAPS_SHOWN) terminal.say("", `… and ${gaps.length - GAPS_SHOWN} more (--json has all)`);
}

/** Several files as the streams that they would be. */
function tellTogether(terminal: Terminal, files: readonly FileInspection[]): void {
  const byChannel = new Map<string, { readonly startNs: bigint; readonly endNs: bigint }[]>();
  for (const { channels } of files)
    for (const { channel, start, size, sampleRate } of channels) {
      const span = { startNs: indexToNs(start, sampleRate), endNs: indexToNs(start + size, sampleRate) };
      byChannel.set(channel, [...(byChannel.get(channel) ?? []), span]);
    }
  terminal.line("together");
  for (const [channel, spans] of byChannel) {
    const sorted = spans.toSorted((a, b) => (a.startNs < b.startNs ? -1 : 1));
    let endNs = sorted[0]!.startNs;
    let missing = 0n;
    let overlap = 0n;
    for (const span of sorted) {
      if (span.startNs > endNs) missing += span.startNs - endNs;
      else overlap += (span.endNs < endNs ? span.endNs : endNs) - span.startNs;
      if (span.endNs > endNs) endNs = span.endNs;
    }
    const notes = [
      `${spans.length} file${spans.length === 1 ? "" : "s"}`,
      missing > 0n ? `${formatSeconds(Number(missing) / 1e9)} between them missing` : "no holes",
      ...(overlap > 0n ? [`${formatSeconds(Number(overlap) / 1e9)} twice`] : []),
    ];
    terminal.say(
      channel,
      `GPS ${formatGps(sorted[0]!.startNs)} … ${formatGps(endNs)} (${formatSeconds(Number(endNs - sorted[0]!.startNs) / 1e9)}), ${notes.join(", ")}`,
    );
  }
}
