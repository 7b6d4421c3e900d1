import { describe, expect, it } from "vitest";
import type { Command } from "./commands.ts";
import { ControlJournal } from "./control-journal.ts";
import { homeOf } from "./home-of.ts";

const load = (name: string, config?: string): Command => ({
  kind: "load",
  name,
  override: { files: new Map(), ...(config === undefined ? {} : { config }) },
});
const unload = (name: string): Command => ({ kind: "unload", name, dependents: false });
const region = (name: string): Command => ({
  kind: "register",
  region: { name, key: "k", offset: 0, byteSize: 1 },
});

function after(...commands: Command[]): readonly Command[] {
  const journal = new ControlJournal();
  for (const command of commands) journal.add(command);
  return journal.commands;
}

describe("what a process does again that starts later", () => {
  it("is the last of each model, in order, and a given configuration through loads without one", () => {
    expect(after(load("a"), load("b"), unload("a"))).toEqual([load("b"), unload("a")]);
    expect(after(load("a", "{}"), load("a"))).toEqual([load("a", "{}"), load("a")]);
    expect(after(load("a", "{}"), load("a"), load("a", "{2}"))).toEqual([load("a", "{2}")]);
    expect(after(load("a", "{}"), load("a"), unload("a"), load("a"))).toEqual([unload("a"), load("a")]);
  });

  it("has regions that are still registered, and the last of each kind of setting", () => {
    const gone = (name: string): Command => ({ kind: "unregister", name });
    expect(after(region("a"), region("b"), gone("a"))).toEqual([region("b")]);
    expect(after(region("a"), load("m"), region("b"), gone(""))).toEqual([load("m")]);
    const trace = (model: string, rate: string): Command => ({
      kind: "trace",
      model,
      patch: new Map([["trace_rate", [rate]]]),
    });
    expect(after(trace("", "1"), trace("m", "2"), trace("", "3"))).toEqual([trace("m", "2"), trace("", "3")]);
  });
});

describe("the process of a sequence", () => {
  it("is the same for the same id, and each has its share of ids that count up", () => {
    for (const count of [2, 3, 8]) {
      const shares = Array.from({ length: count }, () => 0);
      for (let id = 1; id <= 4000; id++) {
        const home = homeOf(BigInt(id), count);
        expect(home).toBe(homeOf(BigInt(id), count));
        shares[home] = (shares[home] ?? 0) + 1;
      }
      for (const share of shares) expect(share / (4000 / count)).toBeGreaterThan(0.8);
    }
    const texts = new Set(["", "a", "77", "ä"].map((text) => homeOf(text, 64)));
    expect(texts.size).toBeGreaterThan(1);
  });
});
