import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { invalidOption, StrainflowError } from "@strainflow/series";
import { type Ended, MemberProcess } from "./member-process.ts";
import { type OpenPort, openPort, type PortOptions } from "./open-port.ts";

export interface FrontOptions {
  /** The module that a process runs; it calls `joinFront`. */
  readonly entry: URL;
  /** How many processes; at least 1. */
  readonly count: number;
  /** What each of them is told at its start: anything that can be cloned. */
  readonly init: unknown;
  /** Flags of Node for the processes. Default: none. */
  readonly nodeFlags?: readonly string[];
  /** Opened when all processes are ready. */
  readonly ports: Readonly<Record<string, PortOptions>>;
  readonly log: (line: string) => void;
  /** Answers what a process asks. Default: nothing may be asked. */
  readonly answer?: (question: unknown, index: number) => unknown;
  /** A process is ready, and gets connections when this resolves. What it throws ends the process. */
  readonly onStarted?: (front: Asking, index: number) => Promise<void> | void;
  /** A process that was ready has ended. */
  readonly onGone?: (index: number) => void;
  /** So many of them may end within a minute before none is started any more. Default 10. */
  readonly maxEnds?: number;
}

export interface Asking {
  /** @throws `process-lost` if it ends before it has answered, and what it throws */
  ask(index: number, question: unknown): Promise<unknown>;
}

/** Processes behind the same ports. */
export interface Front extends Asking {
  readonly ports: Readonly<Record<string, number>>;
  /** Numbers of those that get connections now. */
  readonly serving: readonly number[];
  /** Of each process that runs. */
  readonly pids: readonly (number | undefined)[];
  /** How often each was started again. */
  readonly restarts: readonly number[];
  /** Resolves when the processes end so often that none is started any more. */
  readonly failed: Promise<StrainflowError>;
  /** Takes no more connections. */
  shut(): void;
  /** Ends all processes: those that are not gone after `graceMs` are killed. */
  end(graceMs: number): Promise<void>;
  /** Ends all processes at once. */
  kill(): void;
}

const DEATHS_WINDOW_MS = 60_000;
const LONGEST_PAUSE_MS = 5000;
/** Connections that may wait while no process is ready. */
const MAX_WAITING = 1024;

/**
 * Starts processes, opens ports, and hands each connection to the next of them in turn. A process that ends is started
 * again. They end with this one, however it ends.
 *
 * @throws what a process says when it cannot start; `process-lost`, `address-in-use`, `invalid-option`
 */
export async function openFront(options: FrontOptions): Promise<Front> {
  const {
    count,
    log,
    entry,
    init,
    answer = noAnswer,
    onStarted,
    onGone,
    maxEnds = 10,
    nodeFlags = [],
  } = options;
  if (!Number.isInteger(count) || count < 1 || count > 1024)
    throw invalidOption("openFront", "count", count, "a whole number from 1 to 1024");
  const members: (MemberProcess | undefined)[] = Array.from({ length: count }, () => undefined);
  const serving = new Set<number>();
  const restarts = members.map(() => 0);
  const waiting: [string, Socket][] = [];
  const open: OpenPort[] = [];
  let deaths: number[] = [];
  let ending = false;
  let turn = 0;
  let fail: (error: StrainflowError) => void = () => {};
  const failed = new Promise<StrainflowError>((resolve) => {
    fail = resolve;
  });
  const ask = (index: number, question: unknown): Promise<unknown> =>
    members[index]?.ask(question) ??
    Promise.reject(new StrainflowError("process-lost", `process ${index} is being started again`));

  function take(port: string, socket: Socket): void {
    for (let tries = 0; tries < count; tries++) {
      const index = turn;
      turn = (turn + 1) % count;
      if (!serving.has(index)) continue;
      members[index]?.hand(port, socket);
      return;
    }
    if (ending || waiting.length >= MAX_WAITING) socket.destroy();
    else waiting.push([port, socket]);
  }

  async function start(index: number): Promise<void> {
    const member = new MemberProcess({
      entry,
      nodeFlags,
      index,
      count,
      init,
      answer: (question) => answer(question, index),
    });
    members[index] = member;
    void member.ended.then((how) => gone(member, how));
    try {
      await member.ready;
      await onStarted?.({ ask }, index);
    } catch (error) {
      member.kill();
      throw error;
    }
    if (members[index] !== member || ending) return;
    serving.add(index);
    for (const [port, socket] of waiting.splice(0)) take(port, socket);
  }

  function gone(member: MemberProcess, how: Ended): void {
    const { index } = member;
    members[index] = undefined;
    if (serving.delete(index)) onGone?.(index);
    if (ending || open.length === 0) return;
    const nowMs = performance.now();
    deaths = [...deaths.filter((at) => nowMs - at < DEATHS_WINDOW_MS), nowMs];
    if (deaths.length > maxEnds) {
      fail(new StrainflowError("process-lost", `the server's processes end too often; the last: ${how}`));
      return;
    }
    log(`process ${index} ended (${how}); it is started again`);
    restarts[index] = (restarts[index] ?? 0) + 1;
    void startAgain(index, deaths.length === 1 ? 0 : Math.min(LONGEST_PAUSE_MS, 50 * 2 ** deaths.length));
  }

  async function startAgain(index: number, pauseMs: number): Promise<void> {
    await pause(pauseMs);
    if (ending) return;
    await start(index).catch((error: unknown) => log(`process ${index} does not start: ${String(error)}`));
  }

  async function end(graceMs: number): Promise<void> {
    ending = true;
    for (const port of open) port.close();
    for (const [, socket] of waiting.splice(0)) socket.destroy();
    const left = members.filter((member) => member !== undefined);
    for (const member of left) member.dismiss();
    const kill = setTimeout(() => {
      for (const member of left) member.kill();
    }, graceMs);
    await Promise.all(left.map(({ ended }) => ended));
    clearTimeout(kill);
  }

  function kill(): void {
    ending = true;
    for (const member of members) member?.kill();
  }

  try {
    await Promise.all(members.map((_, index) => start(index)));
    const ports: Record<string, number> = {};
    for (const [name, wanted] of Object.entries(options.ports)) {
      const opened = await openPort(wanted, (socket) => take(name, socket));
      open.push(opened);
      ports[name] = opened.port;
    }
    return {
      ports,
      get serving() {
        return [...serving].sort((a, b) => a - b);
      },
      get pids() {
        return members.map((member) => member?.pid);
      },
      restarts,
      failed,
      ask,
      shut: () => {
        for (const port of open) port.close();
      },
      end,
      kill,
    };
  } catch (error) {
    kill();
    await end(0);
    throw error;
  }
}

function noAnswer(): never {
  throw new StrainflowError("process-failed", "nothing may be asked of this front");
}
