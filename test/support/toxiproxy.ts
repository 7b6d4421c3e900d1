import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, type SuiteAPI } from "vitest";
import { freePort } from "./free-port.ts";

/** Where `npm test` builds it; else that of the PATH. */
const built = resolve(import.meta.dirname, "../../.cache/bin/toxiproxy-server");
const program = existsSync(built) ? built : "toxiproxy-server";
const present = spawnSync(program, ["-version"]).error === undefined;

/** Whether tests on it are to be skipped; where everything is required they run, and fail. */
export const withoutToxiproxy: boolean = !present && process.env["STRAINFLOW_REQUIRE"] !== "all";

/** `describe` for what needs toxiproxy; skipped by a name that says so. */
export const describeToxiproxy = (name: string, tests: () => void): ReturnType<SuiteAPI> =>
  describe.skipIf(withoutToxiproxy)(
    `${name} (needs toxiproxy, which \`npm test\` builds where Go is)`,
    tests,
  );

/** What is done to one direction of all connections: a type of toxiproxy's, and its attributes. */
export interface Toxic {
  readonly type: string;
  /** `upstream`: from client to server. */
  readonly stream: "upstream" | "downstream";
  readonly attributes: Readonly<Record<string, number>>;
  /** Share of the connections that it takes hold of. Default 1. */
  readonly toxicity?: number;
}

/** A stretch of network before a server. */
export interface ToxicRoad {
  /** `host:port` that leads to the server. */
  readonly address: string;
  add(toxic: Toxic): Promise<void>;
  /** Changes the share of connections that a toxic takes hold of. */
  grip(toxic: Toxic, toxicity: number): Promise<void>;
  remove(toxic: Toxic): Promise<void>;
}

export interface Toxiproxy extends AsyncDisposable {
  /** A new road to `upstream`, `host:port`. */
  road(upstream: string): Promise<ToxicRoad>;
}

/**
 * How long a word to toxiproxy may take, ms. Where it takes a toxic away whose other side is gone already, it waits 5 s for
 * each piece of data that the toxic held.
 */
const ANSWER_MS = 60_000;

/** How often it is asked to remove a toxic. */
const REMOVALS = 4;

const nameOf = ({ type, stream }: Toxic): string => `${type}-${stream}`;

export async function startToxiproxy(): Promise<Toxiproxy> {
  const port = await freePort();
  const child = spawn(program, ["-host", "127.0.0.1", "-port", `${port}`], { stdio: "ignore" });
  const gone = new Promise<void>((settle) => {
    child.once("close", () => settle());
    child.once("error", () => settle());
  });
  const api = `http://127.0.0.1:${port}`;

  async function ask(method: string, path: string, body?: object): Promise<unknown> {
    const answer = await fetch(`${api}${path}`, {
      method,
      signal: AbortSignal.timeout(ANSWER_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`toxiproxy: ${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  async function stop(): Promise<void> {
    child.kill("SIGKILL");
    await gone;
  }

  const started = performance.now();
  for (let up = false; !up; ) {
    up = await ask("GET", "/proxies").then(
      () => true,
      () => false,
    );
    if (!up && (child.exitCode !== null || performance.now() - started > ANSWER_MS)) {
      await stop();
      throw new Error("toxiproxy did not start");
    }
    if (!up) await sleep(20);
  }

  let roads = 0;
  return {
    async road(upstream) {
      const name = `road-${roads++}`;
      const made = await ask("POST", "/proxies", { name, listen: "127.0.0.1:0", upstream, enabled: true });
      if (typeof made !== "object" || made === null || !("listen" in made))
        throw new Error("toxiproxy did not say where it listens");
      const toxics = `/proxies/${name}/toxics`;
      return {
        address: `${made.listen}`,
        async add(toxic) {
          await ask("POST", toxics, { toxicity: 1, ...toxic, name: nameOf(toxic) });
        },
        async grip(toxic, toxicity) {
          await ask("POST", `${toxics}/${nameOf(toxic)}`, { attributes: toxic.attributes, toxicity });
        },
        async remove(toxic) {
          for (let tries = 1; ; tries++)
            try {
              return void (await ask("DELETE", `${toxics}/${nameOf(toxic)}`));
            } catch (error) {
              // It gives its own answers up after half a minute (503), and goes on with what it was asked.
              if (tries > 1 && String(error).includes(": 404 ")) return;
              if (tries === REMOVALS || !String(error).includes(": 503 ")) throw error;
            }
        },
      };
    },
    [Symbol.asyncDispose]: stop,
  };
}
