import { type MonitorSample, monitorServers } from "@strainflow/monitor";
import { describe, expect, it } from "vitest";
import { parseListen } from "./flag-values.ts";
import { tellLatencies } from "./tell-latencies.ts";
import { createTerminal } from "./terminal.ts";

const profile = { count: 12, minMs: 1, meanMs: 2, p50Ms: 1.5, p90Ms: 2, p99Ms: 9, p999Ms: 12, maxMs: 20 };

describe("a search that tells how long its answers take", () => {
  it("is found by a monitor, until it ends", async () => {
    let url = "";
    const terminal = {
      ...createTerminal({ json: false, quiet: true }),
      record: (value: Readonly<Record<string, unknown>>) => {
        url = String(value["url"]);
      },
    };
    const stop = await tellLatencies("127.0.0.1:0", "search of H1 L1", { latency: () => profile }, terminal);
    const seen: MonitorSample[] = [];
    for await (const sample of monitorServers({
      servers: [{ metrics: url }],
      intervalMs: 100,
      timeoutMs: 30_000,
    })) {
      seen.push(sample);
      if (sample.kind === "client") break;
    }
    expect(seen.at(-1)).toMatchObject({
      client: "search of H1 L1",
      latency: { count: 12, p50Ms: 1.5, p90Ms: 2, p99Ms: 9, p999Ms: 12 },
    });
    await stop();
    await expect(fetch(url)).rejects.toThrow();
  });

  it("tells nothing where it was not asked to", async () => {
    const stop = await tellLatencies(
      undefined,
      "x",
      { latency: () => profile },
      createTerminal({ json: false, quiet: true }),
    );
    await stop();
  });

  it.each([
    ["127.0.0.1:9101", { host: "127.0.0.1", port: 9101 }],
    ["9101", { host: "127.0.0.1", port: 9101 }],
    ["[::1]:0", { host: "::1", port: 0 }],
  ])("listens at %s", (text, where) => {
    expect(parseListen(text)).toEqual(where);
  });

  it.each(["", "host", "host:70000", "a:b:c"])("refuses %j", (text) => {
    expect(() => parseListen(text)).toThrow(/it must be (?:host:port|a port)/);
  });
});
