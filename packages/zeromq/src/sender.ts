import { type Block, invalidOption, StrainflowError } from "@strainflow/series";
import { Push, XPublisher } from "zeromq";
import { attach, checkCount, checkMs } from "./endpoint.ts";
import { createOutgoingStreams, type Frames } from "./outgoing-streams.ts";

/** How {@link createSender} sends. */
export interface SenderOptions {
  /** `tcp://host:port`, `ipc://path`; when binding, port 0 takes a free one. */
  readonly endpoint: string;
  /**
   * `pub` gives every message to all that have subscribed, and drops it for those that are too slow (they notice); `push` waits for its
   * one receiver.
   */
  readonly pattern: "pub" | "push";
  /** Whether to bind rather than connect. Default true. */
  readonly bind?: boolean;
  /** Messages that wait for one slow receiver before `pub` drops and `push` waits. Default 1000, ZeroMQ's own. */
  readonly highWaterMark?: number;
  /** How long `close` leaves unsent messages to the background, which also holds the process. Default 5000. */
  readonly lingerMs?: number;
  /**
   * How often a silent stream says how much was sent so far, so that a lost last message is noticed without waiting for
   * another; an ended stream repeats its end. Default 1000; `Infinity` for never.
   */
  readonly markIntervalMs?: number;
  /** Aborting it drops what is not sent, and closes at once. */
  readonly signal?: AbortSignal;
}

/** Sends blocks as messages: one stream per set of channels, each numbered and contiguous. */
export interface Sender {
  /** Where receivers connect to; with its port. */
  readonly endpoint: string;
  /**
   * Sends one block. Resolves once ZeroMQ has taken it (`push`: once there is room); wait for it before the next one, or memory is
   * the only limit. `streamEnd` announces the sample just past the last one that will come, where it is known: then
   * also the loss of the very end becomes a gap of the right length. `lose` numbers the message and does not send it, so
   * that what receivers make of a loss can be tried out.
   *
   * @throws `not-contiguous` if the block does not continue its stream; `arrow-unsupported`; `zeromq-closed`
   */
  send(block: Block, options?: { readonly streamEnd?: number; readonly lose?: boolean }): Promise<void>;
  /** Tells the receivers of `channels`, or all, that this was everything. */
  end(channels?: readonly string[]): Promise<void>;
  /**
   * Waits until so many subscribers are there (`pub` only): what is sent before a subscriber's connection stands does
   * not reach it.
   *
   * @throws `zeromq-no-subscribers` after `timeoutMs` (default: never)
   */
  waitForSubscribers(count?: number, options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Subscribers at this moment; 0 for `push`. */
  readonly subscribers: number;
  /** What was sent. */
  stats(): { readonly messages: number; readonly samples: number };
  /** Sends what waits, and closes; see `lingerMs`. It does not end the streams: `end` does. */
  close(): Promise<void>;
  /** Closes at once; what waits is dropped. */
  abort(): void;
}

/**
 * Opens a sender.
 *
 * @throws `zeromq-endpoint`, `invalid-option`
 */
export async function createSender(options: SenderOptions): Promise<Sender> {
  const { pattern, bind = true, signal } = options;
  const markIntervalMs = checkMs("createSender", "markIntervalMs", options.markIntervalMs ?? 1000);
  const socketOptions = {
    linger: checkMs("createSender", "lingerMs", options.lingerMs ?? 5000),
    sendHighWaterMark: checkCount("createSender", "highWaterMark", options.highWaterMark ?? 1000),
    // Nothing is queued for a connection that does not stand yet: it would be lost unseen at exit.
    immediate: true,
  };
  if (!Number.isFinite(socketOptions.linger))
    throw invalidOption(
      "createSender",
      "lingerMs",
      socketOptions.linger,
      "a finite time, or a process could not end",
    );
  const socket = pattern === "pub" ? new XPublisher(socketOptions) : new Push(socketOptions);
  // Before the first of them can come: each counts, also if it is not the first.
  if (socket instanceof XPublisher) socket.verbosity = "allSubsUnsubs";
  const endpoint = await attach(socket, options.endpoint, bind);

  const streams = createOutgoingStreams();
  const waiting = new Set<() => void>();
  let subscribers = 0;
  let queue: Promise<void> = Promise.resolve();
  let queued = 0;
  let isClosed = false;

  const closed = (cause?: unknown): StrainflowError =>
    new StrainflowError("zeromq-closed", `the sender on ${endpoint} is closed`, { cause });

  /** One message at a time: a socket takes no second one while the first waits for room. */
  const enqueue = (frames: Frames): Promise<void> => {
    queued++;
    const sent = queue.then(async () => {
      try {
        if (isClosed) throw closed();
        await socket.send([...frames]);
      } catch (error) {
        throw isClosed ? closed(error) : error;
      } finally {
        queued--;
      }
    });
    queue = sent.catch(() => {});
    return sent;
  };

  const watched = socket instanceof XPublisher ? watchSubscribers(socket) : Promise.resolve();
  async function watchSubscribers(publisher: XPublisher): Promise<void> {
    try {
      for await (const [frame] of publisher) {
        subscribers += frame?.[0] === 1 ? 1 : -1;
        for (const wake of [...waiting]) wake();
      }
    } catch (error) {
      if (!isClosed) throw error;
    }
  }

  const markTimer = Number.isFinite(markIntervalMs)
    ? setInterval(
        () => {
          // A socket that has no room has no use for marks either.
          if (queued === 0) for (const frames of streams.marks()) enqueue(frames).catch(() => {});
        },
        Math.max(1, markIntervalMs),
      ).unref()
    : undefined;

  const shut = (): void => {
    if (isClosed) return;
    isClosed = true;
    clearInterval(markTimer);
    signal?.removeEventListener("abort", abort);
    socket.close();
    for (const wake of [...waiting]) wake();
  };
  function abort(): void {
    if (isClosed) return;
    socket.linger = 0;
    shut();
  }
  if (signal?.aborted) abort();
  else signal?.addEventListener("abort", abort, { once: true });

  return {
    endpoint,
    send: async (block, { streamEnd, lose = false } = {}) => {
      if (isClosed) throw closed();
      const frames = streams.data(block, streamEnd);
      if (!lose) await enqueue(frames);
    },
    end: async (channels) => {
      if (isClosed) throw closed();
      for (const frames of streams.ends(channels)) await enqueue(frames);
    },
    waitForSubscribers: (count = 1, { timeoutMs = Number.POSITIVE_INFINITY } = {}) => {
      if (pattern !== "pub") return Promise.resolve();
      return new Promise((resolve, reject) => {
        let timer: NodeJS.Timeout | undefined;
        const check = (): void => {
          if (subscribers < count && !isClosed) return;
          clearTimeout(timer);
          waiting.delete(check);
          if (subscribers >= count) resolve();
          else reject(closed());
        };
        if (Number.isFinite(checkMs("waitForSubscribers", "timeoutMs", timeoutMs)))
          timer = setTimeout(() => {
            waiting.delete(check);
            reject(
              new StrainflowError(
                "zeromq-no-subscribers",
                `${subscribers} of ${count} subscribers came to ${endpoint} within ${timeoutMs} ms`,
                { details: { endpoint, subscribers, count } },
              ),
            );
          }, timeoutMs);
        waiting.add(check);
        check();
      });
    },
    get subscribers() {
      return subscribers;
    },
    stats: () => ({ messages: streams.messages, samples: streams.samples }),
    close: async () => {
      // Without a receiver a `push` would wait for ever.
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, socketOptions.linger);
      });
      await Promise.race([queue, patience]);
      clearTimeout(timer);
      // Without this the port would be free only a moment later. But the thread that unbinds must not touch a socket that
      // is being read, as a publisher's always is, or waits to send, or ZeroMQ ends the process by an assertion.
      if (bind && !isClosed && queued === 0 && !(socket instanceof XPublisher))
        await socket.unbind(endpoint).catch(() => {});
      shut();
      await watched;
    },
    abort,
  };
}
