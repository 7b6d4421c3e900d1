import type { ModelRequest } from "../models/model.ts";
import type { ModelSpec } from "../models/model-spec.ts";
import { Refusal } from "../refusal.ts";
import { nowNs } from "../scheduling/monotonic.ts";
import type { Outcome, Timing } from "../scheduling/scheduler.ts";
import type { RawTensors } from "../tensors/raw-tensor.ts";
import { elements } from "../tensors/tensor-bytes.ts";
import type { TraceExporter } from "./trace-exporter.ts";
import type { TraceObject } from "./trace-object.ts";
import type { TracePatch, TraceSettings } from "./trace-settings.ts";
import { TraceWriter } from "./trace-writer.ts";

/** The request being traced, told of what happens to it. */
export interface Trace {
  ran(outcome: Outcome, timing: Timing | undefined): void;
  /** The answer is on its way. */
  sent(): void;
}

/** Decides which requests are traced, and writes their traces. */
export class Tracer {
  readonly settings: TraceSettings;
  readonly #writer: TraceWriter;
  readonly #exporter: TraceExporter | undefined;
  #ids = 0;
  /** By model, "" for all that have no settings of their own: requests seen, and traces taken since the count was set. */
  readonly #seen = new Map<string, number>();
  readonly #taken = new Map<string, number>();

  constructor(settings: TraceSettings, onError: (error: Error) => void, exporter?: TraceExporter) {
    this.settings = settings;
    this.#exporter = exporter;
    this.#writer = new TraceWriter(settings.file, onError);
  }

  /** @throws Refusal in Triton's words */
  update(model: string, patch: TracePatch): void {
    this.settings.update(model, patch);
    if (patch.has("trace_count")) this.#taken.delete(model);
    this.#writer.flush();
  }

  /** `undefined` where this request is not traced. `front`: the protocol's name in its events. */
  begin(
    spec: ModelSpec,
    request: ModelRequest,
    front: "GRPC" | "HTTP",
    receivedNs: number,
  ): Trace | undefined {
    if (!this.settings.possible) return undefined;
    const { levels, rate, count, logFrequency } = this.settings.of(spec.name);
    if (levels.length === 0 || rate === 0) return undefined;
    const scope = this.settings.has(spec.name) ? spec.name : "";
    const seen = (this.#seen.get(scope) ?? 0) + 1;
    this.#seen.set(scope, seen);
    const taken = this.#taken.get(scope) ?? 0;
    if (seen % rate !== 0 || (count >= 0 && taken >= count)) return undefined;
    this.#taken.set(scope, taken + 1);
    const id = ++this.#ids;
    const times = levels.includes("TIMESTAMPS");
    const objects: TraceObject[] = [];
    const stamp = (of: number, name: string, ns: number): void => {
      if (times) objects.push({ id: of, timestamps: [{ name, ns: Math.round(ns) }] });
    };
    const startNs = nowNs();
    stamp(id, `${front}_RECV_START`, receivedNs);
    stamp(id, `${front}_RECV_END`, startNs);
    objects.push({
      id,
      model_name: spec.name,
      model_version: Number(spec.version),
      ...(request.id === "" ? {} : { request_id: request.id }),
    });
    stamp(id, "REQUEST_START", startNs);
    if (levels.includes("TENSORS")) objects.push(...tensorsOf(id, "TENSOR_QUEUE_INPUT", request.inputs));
    let sendNs = startNs;
    return {
      ran: (outcome, timing) => {
        if (timing !== undefined) {
          if (timing.steps === undefined) stampRun(stamp, id, timing);
          else {
            stamp(id, "QUEUE_START", timing.queuedNs);
            for (const step of timing.steps) {
              const child = ++this.#ids;
              objects.push({
                id: child,
                model_name: step.name,
                model_version: Number(step.version),
                parent_id: id,
              });
              stamp(child, "REQUEST_START", step.timing.queuedNs);
              stampRun(stamp, child, step.timing);
              stamp(child, "REQUEST_END", step.timing.endNs);
            }
          }
        }
        if (levels.includes("TENSORS") && !(outcome instanceof Refusal))
          objects.push(...tensorsOf(id, "TENSOR_BACKEND_OUTPUT", outcome));
        sendNs = nowNs();
        stamp(id, "INFER_RESPONSE_COMPLETE", timing?.endNs ?? sendNs);
        stamp(id, "REQUEST_END", sendNs);
      },
      sent: () => {
        stamp(id, `${front}_SEND_START`, sendNs);
        stamp(id, `${front}_SEND_END`, nowNs());
        if (this.settings.file !== "") this.#writer.add(objects, logFrequency);
        this.#exporter?.add(objects);
      },
    };
  }

  flush(): void {
    this.#writer.flush();
  }

  /** Resolves when what was traced has gone out. */
  async close(): Promise<void> {
    this.flush();
    await this.#exporter?.close();
  }
}

function stampRun(stamp: (id: number, name: string, ns: number) => void, id: number, timing: Timing): void {
  stamp(id, "QUEUE_START", timing.queuedNs);
  stamp(id, "COMPUTE_START", timing.beganNs);
  stamp(id, "COMPUTE_INPUT_END", timing.runNs);
  stamp(id, "COMPUTE_OUTPUT_START", timing.ranNs);
  stamp(id, "COMPUTE_END", timing.endNs);
}

function tensorsOf(id: number, activity: string, tensors: RawTensors): TraceObject[] {
  return [...tensors].map(([name, { datatype, shape, data }]) => ({
    id,
    activity,
    tensor: {
      name,
      data: datatype === "BYTES" ? "" : elements(datatype, data).join(","),
      shape: shape.join(","),
      dtype: datatype,
    },
  }));
}
