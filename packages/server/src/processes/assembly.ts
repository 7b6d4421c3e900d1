import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { countersOf, sumMetrics } from "@strainflow/metrics";
import { type ModelStatistics, ModelStatisticsResponseSchema } from "@strainflow/proto";
import { Refusal } from "../refusal.ts";
import type { Command } from "./commands.ts";
import { ControlJournal } from "./control-journal.ts";
import { processMetrics } from "./process-metrics.ts";
import {
  type CommandOutcome,
  type Counts,
  refusedOutcome,
  type ToServerFront,
  type ToServerProcess,
} from "./questions.ts";
import { sumStatistics } from "./sum-statistics.ts";

/** What a page tells of the machine, and not of a process. */
const MACHINE = /^nv_cpu_/;

type Ask = (question: ToServerProcess) => Promise<unknown>;

/** A process that is up and knows what the others know. */
interface Present {
  readonly ask: Ask;
  readonly path: string;
  counts: Counts | undefined;
}

/** What the processes of a server are together: what one is told, all do; what all have done is told as one. */
export class Assembly {
  readonly #present: (Present | undefined)[];
  readonly #ready: boolean[];
  readonly #journal = new ControlJournal();
  /** What processes that are gone had told: sums do not become less by it. */
  #past: { readonly statistics: readonly ModelStatistics[]; readonly metrics: string } = {
    statistics: [],
    metrics: "",
  };
  #turn: Promise<unknown> = Promise.resolve();

  constructor(count: number) {
    this.#present = Array.from({ length: count }, () => undefined);
    this.#ready = this.#present.map(() => false);
  }

  /** A process has started: it does what the others have done, and all get to know each other. */
  enter(index: number, ask: Ask): Promise<void> {
    return this.#exclusive(async () => {
      for (const command of this.#journal.commands) await ask({ kind: "do", command });
      const path = await ask({ kind: "where" });
      if (typeof path !== "string") throw new TypeError(`process ${index} listens nowhere`);
      this.#present[index] = { ask, path, counts: undefined };
      await this.#introduce();
    });
  }

  leave(index: number): void {
    const counts = this.#present[index]?.counts;
    this.#present[index] = undefined;
    this.#ready[index] = false;
    if (counts !== undefined)
      this.#past = {
        statistics: sumStatistics([...this.#past.statistics, ...decode(counts)]),
        metrics: sumMetrics([this.#past.metrics, countersOf(counts.metrics)]),
      };
    void this.#introduce();
  }

  async answer(question: ToServerFront, index: number): Promise<unknown> {
    switch (question.kind) {
      case "ready":
        this.#ready[index] = question.ready;
        return this.#introduce();
      case "command":
        return this.#exclusive(() => this.#command(question.command));
      case "statistics": {
        const all = (await this.#counts()).flatMap(([, counts]) => decode(counts));
        const modelStats = [...sumStatistics([...all, ...this.#past.statistics])];
        return toBinary(ModelStatisticsResponseSchema, create(ModelStatisticsResponseSchema, { modelStats }));
      }
    }
  }

  /** The page of all, and what is told of each. `restarts`: by number. */
  async metrics(restarts: readonly number[]): Promise<string> {
    const counts = await this.#counts();
    const pages = [...counts.map(([, { metrics }]) => metrics), this.#past.metrics];
    return sumMetrics(pages, MACHINE) + processMetrics(counts, restarts);
  }

  /** Those that are lost meanwhile have no answer. */
  async askAll(question: ToServerProcess): Promise<void> {
    await Promise.allSettled(this.#present.map((one) => one?.ask(question)));
  }

  /** Tells all where the others are, and whether all are ready. */
  async #introduce(): Promise<void> {
    const paths = this.#present.map((one) => one?.path);
    const ready = this.#ready.every(Boolean) && paths.every((path) => path !== undefined);
    await this.askAll({ kind: "meet", paths, ready });
  }

  /**
   * All do it, or none. Loads are prepared by all before any of them serves what it loaded; of the rest, what cannot fail
   * is done at once, and what can is undone. Who is lost meanwhile does it when it starts again.
   */
  async #command(command: Command): Promise<CommandOutcome> {
    const { kind } = command;
    const present = this.#present.flatMap((one) => (one === undefined ? [] : [one.ask]));
    const first = await askEach(present, { kind: kind === "load" ? "prepare" : "do", command });
    const failed = first.find(({ outcome }) => !outcome.done)?.outcome;
    const could = first.filter(({ outcome }) => outcome.done).map(({ ask }) => ask);
    if (failed !== undefined) {
      if (kind === "load") await askEach(could, { kind: "settle", go: false });
      else if (kind === "register")
        await askEach(could, { kind: "do", command: { kind: "unregister", name: command.region.name } });
      return failed;
    }
    const done = kind === "load" ? await askEach(could, { kind: "settle", go: true }) : first;
    if (done.length === 0)
      return refusedOutcome(new Refusal("UNAVAILABLE", "the server's processes are being started again"));
    this.#journal.add(command);
    if (kind === "load" || kind === "unload") this.#forget(command.name);
    return { done: true };
  }

  /** A model that is loaded anew begins to count anew. */
  #forget(model: string): void {
    const { statistics, metrics } = this.#past;
    const lines = metrics.split("\n").filter((line) => !line.includes(`model=${JSON.stringify(model)}`));
    this.#past = {
      statistics: statistics.filter(({ name }) => name !== model),
      metrics: lines.join("\n"),
    };
  }

  async #counts(): Promise<readonly (readonly [index: number, counts: Counts])[]> {
    const all = await Promise.all(
      this.#present.map(async (one, index) => {
        if (one === undefined) return [];
        one.counts = await one.ask({ kind: "counts" }).then(
          (counts) => counts as Counts,
          () => one.counts,
        );
        // One that was lost while it was asked is of the past by now.
        return one.counts === undefined || this.#present[index] !== one ? [] : [[index, one.counts] as const];
      }),
    );
    return all.flat();
  }

  /** One after the other: each sees what the one before it has done. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}

/** Those that are lost meanwhile are left out. */
async function askEach(
  asks: readonly Ask[],
  question: ToServerProcess,
): Promise<readonly { readonly ask: Ask; readonly outcome: CommandOutcome }[]> {
  const answers = await Promise.all(
    asks.map((ask) =>
      ask(question).then(
        (outcome) => [{ ask, outcome: outcome as CommandOutcome }],
        () => [],
      ),
    ),
  );
  return answers.flat();
}

function decode({ statistics }: Counts): readonly ModelStatistics[] {
  return fromBinary(ModelStatisticsResponseSchema, statistics).modelStats;
}
