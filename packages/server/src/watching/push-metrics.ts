import { invalidOption } from "@strainflow/series";
import type { ServerLog } from "./server-log.ts";

export interface PushOptions {
  /** Of the Pushgateway: `http://host:9091`. */
  readonly url: string;
  /** Milliseconds between pushes. Default 10 000: Prometheus seldom asks more often. */
  readonly intervalMs?: number;
  /** Default `strainflow_server`. */
  readonly job?: string;
  /** Tells servers of one job apart. Default: the address of gRPC. */
  readonly instance?: string;
}

/** How long a push may take, in milliseconds: less than a server may take to close. */
const PUSH_MS = 2000;

/** @throws `invalid-option` */
export function checkPush({ url, intervalMs = 1 }: PushOptions): void {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw invalidOption("createServer", "pushMetrics.url", url, "a URL like http://127.0.0.1:9091");
  if (!(intervalMs >= 1 && intervalMs <= 86_400_000))
    throw invalidOption(
      "createServer",
      "pushMetrics.intervalMs",
      intervalMs,
      "milliseconds, from 1 to a day",
    );
}

/** Pushes metrics at an interval, and once more when it is closed. One that fails is told once, until one succeeds. */
export function pushMetrics(
  text: () => string | Promise<string>,
  options: PushOptions,
  address: string,
  log: ServerLog,
): { close(): Promise<void> } {
  const { url, intervalMs = 10_000, job = "strainflow_server", instance = address } = options;
  const target = `${url.replace(/\/+$/, "")}/metrics/${label("job", job)}/${label("instance", instance)}`;
  let failing = false;
  let pushing: Promise<void> | undefined;
  const send = async (): Promise<void> => {
    try {
      const response = await fetch(target, {
        method: "PUT",
        headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
        body: await text(),
        signal: AbortSignal.timeout(PUSH_MS),
      });
      const said = await response.text();
      if (!response.ok) throw new Error(`status ${response.status} ${said.trim().slice(0, 200)}`);
      failing = false;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (!failing) log.warning(`${url} takes no metrics (${why}); it is tried again`);
      failing = true;
    }
  };
  const push = (): Promise<void> => {
    pushing ??= send().finally(() => {
      pushing = undefined;
    });
    return pushing;
  };
  const timer = setInterval(() => void push(), intervalMs).unref();
  return {
    async close() {
      clearInterval(timer);
      await pushing;
      await push();
    },
  };
}

/** What holds a slash cannot stand in a path as it is. */
function label(name: string, value: string): string {
  return `${name}@base64/${value === "" ? "=" : Buffer.from(value).toString("base64url")}`;
}
