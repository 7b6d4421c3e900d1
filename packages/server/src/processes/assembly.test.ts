import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { checkOptions } from "../check-options.ts";
import type { Outcome } from "../scheduling/scheduler.ts";
import { type StartedServer, startServer } from "../start-server.ts";
import { io, onnx, scale } from "../testing/control-models.ts";
import { float32 } from "../testing/raw-client.ts";
import { type TinyRepository, tinyRepository } from "../testing/tiny-repository.ts";
import { Assembly } from "./assembly.ts";
import { type Command, runCommand } from "./commands.ts";
import { outcomeOf, PreparedCommand } from "./prepared-command.ts";
import type { ToServerProcess } from "./questions.ts";

const load: Command = { kind: "load", name: "net", override: { files: new Map() } };

/** A process of a server, in this one, on a repository of its own. */
class Member {
  readonly repository: TinyRepository;
  readonly started: StartedServer;
  readonly #prepared: PreparedCommand;
  /** Called before a question is looked at; what it throws is a process that is lost. */
  before: (question: ToServerProcess) => Promise<void> | void = () => {};

  private constructor(repository: TinyRepository, started: StartedServer) {
    this.repository = repository;
    this.started = started;
    this.#prepared = new PreparedCommand(started.core);
  }

  static async start(): Promise<Member> {
    const repository = await tinyRepository([
      { name: "net", config: onnx + io, versions: { "1": scale(2) } },
    ]);
    const options = {
      repository: repository.path,
      workers: 1,
      modelControl: "explicit" as const,
      startupModels: ["net"],
    };
    return new Member(repository, await startServer(checkOptions(options), false));
  }

  readonly ask = async (question: ToServerProcess): Promise<unknown> => {
    await this.before(question);
    const { core } = this.started;
    if (question.kind === "where") return "/nowhere";
    if (question.kind === "do") return outcomeOf(runCommand(core, question.command));
    if (question.kind === "prepare") return this.#prepared.prepare(question.command);
    return question.kind === "settle" ? this.#prepared.settle(question.go) : undefined;
  };

  /** The next load finds this. */
  write(graph: Uint8Array): Promise<void> {
    return writeFile(join(this.repository.path, "net", "1", "model.onnx"), graph);
  }

  /** What its model makes of 1. */
  async factor(): Promise<number> {
    const x = { datatype: "FP32" as const, shape: [2], data: float32([1, 1]), movable: false };
    const outcome = await new Promise<Outcome>((resolve) => {
      this.started.core.registry.get("net", "").infer({ id: "", inputs: new Map([["x", x]]) }, resolve);
    });
    if (!(outcome instanceof Map)) throw outcome;
    const { data } = outcome.get("y") ?? { data: new Uint8Array(4) };
    return new Float32Array(Uint8Array.from(data).buffer)[0] ?? 0;
  }

  async stop(): Promise<void> {
    await this.started.finish();
    await this.repository.remove();
  }
}

describe("what the processes of a server do together", () => {
  const members: Member[] = [];
  async function assemble(): Promise<{
    readonly assembly: Assembly;
    readonly a: Member;
    readonly b: Member;
  }> {
    const [a, b] = await Promise.all([Member.start(), Member.start()]);
    members.push(a, b);
    const assembly = new Assembly(2);
    await assembly.enter(0, a.ask);
    await assembly.enter(1, b.ask);
    return { assembly, a, b };
  }
  afterEach(async () => {
    await Promise.all(members.splice(0).map((member) => member.stop()));
  });
  const command = (assembly: Assembly, what: Command = load) =>
    assembly.answer({ kind: "command", command: what }, 0);
  const factors = (...of: readonly Member[]) => Promise.all(of.map((member) => member.factor()));

  it("none serves what one could not load", async () => {
    const { assembly, a, b } = await assemble();
    await a.write(scale(3));
    await b.write(Uint8Array.of(1, 2, 3));
    expect(await command(assembly)).toMatchObject({ done: false, code: "INVALID_ARGUMENT" });
    expect(await factors(a, b)).toEqual([2, 2]);
    expect([a.started.core.ready, b.started.core.ready]).toEqual([true, true]);
    await b.write(scale(3));
    expect(await command(assembly)).toEqual({ done: true });
    expect(await factors(a, b)).toEqual([3, 3]);
  });

  it("none serves it before all have it", async () => {
    const { assembly, a, b } = await assemble();
    await Promise.all([a.write(scale(3)), b.write(scale(3))]);
    let goOn = (): void => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let settled = 0;
    a.before = ({ kind }) => {
      if (kind === "settle") settled += 1;
    };
    b.before = ({ kind }) => (kind === "prepare" ? held : undefined);
    const done = command(assembly);
    // The first has long loaded it when the second has not begun.
    await expect.poll(() => a.started.core.registry.states("net")?.get("1")?.state).toBe("READY");
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect([settled, ...(await factors(a, b))]).toEqual([0, 2, 2]);
    goOn();
    expect(await done).toEqual({ done: true });
    expect(await factors(a, b)).toEqual([3, 3]);
  });

  it.each(["prepare", "settle"] as const)(
    "who is lost at `%s` does it when it is there again",
    async (when) => {
      const { assembly, a, b } = await assemble();
      await Promise.all([a.write(scale(3)), b.write(scale(3))]);
      b.before = ({ kind }) => {
        if (kind === when) throw new Error("it was killed");
      };
      expect(await command(assembly)).toEqual({ done: true });
      assembly.leave(1);
      expect(await factors(a, b)).toEqual([3, 2]);

      const again = await Member.start();
      members.push(again);
      await again.write(scale(3));
      await assembly.enter(1, again.ask);
      expect(await factors(a, again)).toEqual([3, 3]);
      // One that waits to be told for ever keeps its models from stopping.
      b.before = () => {};
      await b.ask({ kind: "settle", go: false });
    },
  );

  it("a region that one refuses is registered by none", async () => {
    const { assembly, a, b } = await assemble();
    const key = `/strainflow-${process.pid}-${Date.now()}`;
    await writeFile(`/dev/shm${key}`, new Uint8Array(8));
    const region = { name: "r", key, offset: 0, byteSize: 8 };
    b.started.core.sharedMemory.register(region);
    expect(await command(assembly, { kind: "register", region })).toMatchObject({ done: false });
    expect(a.started.core.sharedMemory.status("")).toEqual([]);
    await rm(`/dev/shm${key}`);
  });
});
