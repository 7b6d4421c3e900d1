import { fromReader } from "@strainflow/operators";
import { StrainflowError } from "@strainflow/series";
import { type LiveSource, type Notice, receive } from "@strainflow/zeromq";
import { merge } from "rxjs";
import type { StrainInput } from "./input.ts";
import type { FileSettings } from "./settings-file.ts";
import type { Terminal } from "./terminal.ts";

export interface LiveInputOptions {
  /** `zmq://host:port` */
  readonly address: string;
  /** `sub` for a `pub` sender, `pull` for a `push` sender, which then waits for the search. */
  readonly pattern: "sub" | "pull";
  readonly settings: FileSettings;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/** Seconds of strain that wait for the search, 8 MB of a detector at 4096 Hz: it may be behind for so long. */
const MAX_BUFFERED = 256;
/** Milliseconds without data after which that is said. */
const SILENCE_MS = 10_000;

/**
 * Opens a live stream, and waits until each detector has sent something.
 *
 * Where the search cannot keep up, a `pub` sender does not wait: what has no room becomes a gap that livetime tells of.
 *
 * @throws `usage`, and the receiver's errors
 */
export async function openLiveInput(options: LiveInputOptions): Promise<StrainInput> {
  const { address, pattern, settings, terminal, signal } = options;
  if (!/^(zmq|tcp|ipc):\/\/./.test(address))
    throw new StrainflowError("usage", `--from is "${address}"; it must be an address: zmq://host:port`);
  if (settings.gpsStart !== undefined || settings.gpsEnd !== undefined)
    throw new StrainflowError(
      "usage",
      "--gps-start and --gps-end are for files; a live stream is searched as it comes",
    );
  const ifos = settings.ifos ?? ["H1", "L1"];
  const receiver = await receive({
    endpoint: address.replace(/^zmq:\/\//, "tcp://"),
    pattern,
    channels: ifos,
    maxBuffered: MAX_BUFFERED,
    overflow: pattern === "pull" ? "wait" : "gap",
    signal,
    onNotice: createNotices(terminal),
  });
  terminal.say("waiting", `for ${ifos.join(" ")} from ${address}`);
  const sources = await receiver.sources(ifos);
  const rates = Object.fromEntries(
    sources.flatMap(({ format }) => format.channels.map((ifo) => [ifo, format.sampleRate])),
  );
  // A sender that waits for the search is silent whenever the search is slow.
  const watch = pattern === "sub" ? watchSilence(sources, address, terminal) : undefined;
  return {
    // Each at its own pace: a detector that falls silent must not hold up the other's.
    strain: merge(...sources.map((source) => fromReader(source))),
    ifos,
    rates,
    description: `${ifos.join(" ")} ${[...new Set(Object.values(rates))].join("/")} Hz from ${address}`,
    sources: [[address, "ZeroMQ"]],
    stats: () =>
      Object.fromEntries(sources.map((source) => [source.format.channels.join(","), source.stats()])),
    async close() {
      clearInterval(watch);
      await receiver.close();
    },
  };
}

/** The first notice of each kind; how much there was of it in the end, livetime tells. */
function createNotices(terminal: Terminal): (notice: Notice) => void {
  const told = new Set<Notice["kind"]>();
  return ({ kind, message }) => {
    if (told.has(kind)) return;
    told.add(kind);
    terminal.warn(`${message} (told once; the sums are in the summary)`);
  };
}

/** Says when nothing comes for long, and when something does again. */
function watchSilence(
  sources: readonly LiveSource<"strain">[],
  address: string,
  terminal: Terminal,
): NodeJS.Timeout {
  const seen = sources.map((source) => ({
    source,
    name: source.format.channels.join(" "),
    total: 0,
    at: performance.now(),
    silent: false,
  }));
  const look = (one: (typeof seen)[number]): void => {
    const { total, ending } = one.source.stats();
    if (total !== one.total || ending !== "open") {
      if (one.silent && ending === "open") terminal.warn(`${one.name}: data come again`);
      one.total = total;
      one.at = performance.now();
      one.silent = false;
    } else if (!one.silent && performance.now() - one.at > SILENCE_MS) {
      one.silent = true;
      terminal.warn(
        `${one.name}: nothing has come from ${address} for ${SILENCE_MS / 1000} s; still waiting (Ctrl-C keeps what is done)`,
      );
    }
  };
  return setInterval(() => seen.forEach(look), 1000).unref();
}
