import { invalidOption, type Quantity, StrainflowError } from "@strainflow/series";
import { Pull, Subscriber } from "zeromq";
import { attach, checkCount, checkMs } from "./endpoint.ts";
import { decodeHeader, MAGIC, MAX_HEADER_SIZE, type MessageHeader } from "./header.ts";
import type { Notice } from "./incoming-stream.ts";
import { keepConnected } from "./keep-connected.ts";
import { createIntake, type Intake, type LiveSource } from "./live-source.ts";
import type { Receiver, ReceiverOptions } from "./receiver-options.ts";

interface Waiter<Q extends Quantity> {
  readonly fits: (channels: readonly string[]) => boolean;
  readonly resolve: (source: LiveSource<Q>) => void;
  readonly reject: (error: unknown) => void;
}

/** Streams that have ended; their repeated ends must not look like new ones. */
const MAX_ENDED = 4096;

/**
 * Receives strain: every message that was lost, damaged, late or had no room comes out as a gap in its place.
 *
 * Each set of channels that comes in messages of its own is one source (a detector per message: a source per detector).
 * Order holds within a source only. A receiver of a push sender must be its only one: ZeroMQ deals messages out in turn.
 *
 * @throws `zeromq-endpoint`, `invalid-option`
 */
export function receive(options: ReceiverOptions<"strain">): Promise<Receiver<"strain">>;
export function receive<Q extends Quantity>(
  options: ReceiverOptions<Q> & { readonly quantity: Q },
): Promise<Receiver<Q>>;
export async function receive(options: ReceiverOptions<Quantity>): Promise<Receiver> {
  const { pattern, bind = false, quantity = "strain", lateJoin = "gap", signal } = options;
  const overflow = options.overflow ?? (pattern === "pull" ? "wait" : "error");
  if (overflow === "wait" && pattern === "sub")
    throw invalidOption(
      "receive",
      "overflow",
      overflow,
      "error or gap: a publisher does not wait for its subscribers",
    );
  const maxBuffered = options.maxBuffered ?? 64;
  if (!(maxBuffered > 0)) throw invalidOption("receive", "maxBuffered", maxBuffered, "seconds, more than 0");
  const maxBytes = checkCount("receive", "maxMessageBytes", options.maxMessageBytes ?? 256 * 1024 * 1024);
  const stallTimeoutMs = checkMs(
    "receive",
    "stallTimeoutMs",
    options.stallTimeoutMs ?? Number.POSITIVE_INFINITY,
  );
  const lateAfterMs = checkMs("receive", "lateAfterMs", options.lateAfterMs ?? Number.POSITIVE_INFINITY);
  const socketOptions = {
    linger: 0,
    receiveHighWaterMark: checkCount("receive", "highWaterMark", options.highWaterMark ?? 1000),
    // A frame each: the header has a limit of its own.
    maxMessageSize: Math.max(maxBytes, MAX_HEADER_SIZE),
  };
  const socket = pattern === "sub" ? new Subscriber(socketOptions) : new Pull(socketOptions);
  if (socket instanceof Subscriber) socket.subscribe(MAGIC);
  const endpoint = await attach(socket, options.endpoint, bind);

  const live = new Map<string, Intake<Quantity>>();
  const unclaimed: Intake<Quantity>[] = [];
  const waiters = new Set<Waiter<Quantity>>();
  const endedIds = new Set<bigint>();
  let foreignMessages = 0;
  let closing: Error | undefined;
  let wake: (() => void) | undefined;

  const notice = (event: Notice): void => options.onNotice?.(event);
  if (!bind) keepConnected(socket, endpoint, notice);
  const changed = (): void => {
    wake?.();
    wake = undefined;
  };
  const limits = { maxBytes };
  const paused = (): boolean => wake !== undefined;

  const offer = (intake: Intake<Quantity>): void => {
    for (const waiter of waiters)
      if (waiter.fits(intake.channels)) {
        waiters.delete(waiter);
        waiter.resolve(intake.source);
        return;
      }
    unclaimed.push(intake);
  };

  const handle = (frames: readonly Buffer[]): void => {
    const [head, payload] = frames;
    const header =
      head === undefined || payload === undefined || frames.length !== 2 ? undefined : decodeHeader(head);
    if (header === undefined || payload === undefined) {
      foreignMessages++;
      notice({
        kind: "foreign",
        message: `a message of ${frames.length} frames on ${endpoint} is not strain, or its header is damaged`,
      });
      return;
    }
    const channels = options.channels?.filter((name) => header.channels.includes(name)) ?? header.channels;
    if (channels.length > 0) route(header, channels, payload);
  };

  const route = (header: MessageHeader, channels: readonly string[], payload: Uint8Array): void => {
    if (endedIds.has(header.streamId)) return;
    const key = channels.join("\n");
    let intake = live.get(key);
    if (intake === undefined) {
      if (lateJoin === "skip" && header.kind === "end") return;
      const shared = {
        quantity,
        maxBuffered,
        overflow,
        stallTimeoutMs,
        lateAfterMs,
        lateJoin,
        limits,
        notice,
        changed,
        paused,
      };
      intake = createIntake(header, { ...shared, channels });
      live.set(key, intake);
      intake.take(header, payload);
      offer(intake);
    } else intake.take(header, payload);
    if (!intake.ended) return;
    live.delete(key);
    endedIds.add(header.streamId);
    const [oldest] = endedIds;
    if (endedIds.size > MAX_ENDED && oldest !== undefined) endedIds.delete(oldest);
  };

  /** Waits while a buffer is full, unless somebody waits for data that may be behind it. */
  const room = async (): Promise<void> => {
    const mustWait = (): boolean => {
      const intakes = [...live.values()];
      const hungry = waiters.size > 0 || intakes.some((one) => one.starving);
      return !hungry && intakes.some((one) => one.full);
    };
    while (closing === undefined && mustWait())
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  };

  const shut = (error: Error): void => {
    if (closing !== undefined) return;
    closing = error;
    signal?.removeEventListener("abort", onAbort);
    socket.close();
    for (const intake of live.values()) intake.close();
    for (const waiter of waiters) waiter.reject(error);
    waiters.clear();
    changed();
  };
  const closed = (): Error =>
    new StrainflowError("zeromq-closed", `the receiver on ${endpoint} is closed; receive again for more`);
  const onAbort = (): void => shut(closed());
  if (signal?.aborted) onAbort();
  else signal?.addEventListener("abort", onAbort, { once: true });

  const pump = (async (): Promise<void> => {
    try {
      for await (const frames of socket) {
        if (closing !== undefined) return;
        handle(frames);
        if (overflow === "wait") await room();
      }
    } catch (cause) {
      if (closing !== undefined) return;
      shut(new StrainflowError("zeromq-closed", `the socket on ${endpoint} failed`, { cause }));
    }
  })();

  const claim = (fits: Waiter<Quantity>["fits"], what: string): Promise<LiveSource> => {
    if (closing !== undefined) return Promise.reject(closing);
    const at = unclaimed.findIndex((intake) => fits(intake.channels));
    const [known] = at < 0 ? [] : unclaimed.splice(at, 1);
    if (known !== undefined) return Promise.resolve(known.source);
    return new Promise((resolve, reject) => {
      const timer = Number.isFinite(stallTimeoutMs)
        ? setTimeout(() => {
            waiters.delete(waiter);
            reject(
              new StrainflowError(
                "zeromq-stalled",
                `${what} did not come on ${endpoint} within ${stallTimeoutMs} ms; check the sender and its endpoint`,
              ),
            );
          }, stallTimeoutMs)
        : undefined;
      const waiter: Waiter<Quantity> = {
        fits,
        resolve: (source) => {
          clearTimeout(timer);
          resolve(source);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      waiters.add(waiter);
      changed();
    });
  };

  return {
    endpoint,
    get foreignMessages() {
      return foreignMessages;
    },
    source: (channels) =>
      channels === undefined
        ? claim(() => true, "any source")
        : claim((own) => own.join("\n") === channels.join("\n"), channels.join(", ")),
    sources: async (channels) => {
      const found: LiveSource[] = [];
      for (const channel of channels)
        if (!found.some((source) => source.format.channels.includes(channel)))
          found.push(await claim((own) => own.includes(channel), channel));
      return found;
    },
    close: async () => {
      // No unbinding, though the port is free only a moment later without it: its thread must not touch a socket that is
      // being read, or ZeroMQ ends the process by an assertion.
      shut(closed());
      await pump;
    },
  };
}
