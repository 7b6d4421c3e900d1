import { randomBytes } from "node:crypto";
import { invalidOption } from "@strainflow/series";
import { nowNs } from "../scheduling/monotonic.ts";
import type { TraceObject } from "./trace-object.ts";

/** Spans that wait while a collector is slow or away; more are lost, and no request waits for them. */
const MAX_KEPT = 4096;
const FLUSH_MS = 1000;
/** How long a collector may take, in milliseconds. */
const SEND_MS = 2000;

/**
 * Sends traces to an OpenTelemetry collector: OTLP over HTTP, as JSON. A run of a model is a span, an ensemble's steps
 * are its children, and its stations are events.
 */
export class TraceExporter {
  readonly #url: string;
  readonly #onError: (error: Error) => void;
  /** From the clock of traces to that of the world, in nanoseconds. */
  readonly #epochNs = BigInt(Date.now()) * 1_000_000n - BigInt(Math.round(nowNs()));
  #kept: object[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> = Promise.resolve();
  #failing = false;

  /** `url`: of the collector, with or without `/v1/traces`. @throws `invalid-option` */
  constructor(url: string, onError: (error: Error) => void) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
      throw invalidOption("createServer", "trace.otlp", url, "a URL like http://127.0.0.1:4318");
    this.#url = `${url.replace(/\/+$/, "").replace(/\/v1\/traces$/, "")}/v1/traces`;
    this.#onError = onError;
  }

  /** Takes the objects of one trace. */
  add(objects: readonly TraceObject[]): void {
    if (this.#kept.length >= MAX_KEPT) return;
    this.#kept.push(...this.#spans(objects));
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS).unref();
  }

  async close(): Promise<void> {
    this.#flush();
    await this.#sending;
  }

  #spans(objects: readonly TraceObject[]): object[] {
    const traceId = randomBytes(16).toString("hex");
    const ids = new Map(objects.map(({ id }) => [id, ""]));
    for (const id of ids.keys()) ids.set(id, randomBytes(8).toString("hex"));
    return [...ids].flatMap(([id, spanId]) => {
      const own = objects.filter((object) => object.id === id);
      const model = own.find(({ model_name: name }) => name !== undefined);
      const stations = own.flatMap(({ timestamps }) => timestamps ?? []);
      if (model === undefined || stations.length === 0) return [];
      const times = stations.map(({ ns }) => ns);
      const parent = model.parent_id === undefined ? undefined : ids.get(model.parent_id);
      return [
        {
          traceId,
          spanId,
          ...(parent === undefined ? {} : { parentSpanId: parent }),
          name: model.model_name,
          // 1: inside; 2: what a server does for a client.
          kind: parent === undefined ? 2 : 1,
          startTimeUnixNano: this.#unix(Math.min(...times)),
          endTimeUnixNano: this.#unix(Math.max(...times)),
          attributes: [
            { key: "model.name", value: { stringValue: model.model_name } },
            { key: "model.version", value: { intValue: String(model.model_version) } },
            ...(model.request_id === undefined
              ? []
              : [{ key: "request.id", value: { stringValue: model.request_id } }]),
          ],
          events: stations.map(({ name, ns }) => ({ name, timeUnixNano: this.#unix(ns) })),
        },
      ];
    });
  }

  #unix(ns: number): string {
    return String(BigInt(Math.round(ns)) + this.#epochNs);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const spans = this.#kept;
    if (spans.length === 0) return;
    this.#kept = [];
    this.#sending = this.#sending.then(() => this.#send(spans));
  }

  /** A collector that is away costs traces, and no requests; it is told once. */
  async #send(spans: readonly object[]): Promise<void> {
    const resource = { attributes: [{ key: "service.name", value: { stringValue: "strainflow" } }] };
    const body = { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "strainflow" }, spans }] }] };
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(SEND_MS),
      });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`status ${response.status} of ${this.#url}`);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#onError(error instanceof Error ? error : new Error(String(error)));
      this.#failing = true;
    }
  }
}
