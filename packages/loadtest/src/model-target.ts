import { isStrainflowError } from "@strainflow/series";
import {
  type ConnectOptions,
  connect,
  type ParameterValue,
  type ServedModel,
  type TritonClient,
} from "@strainflow/triton";
import { type CheckChoice, createCheck } from "./check-answer.ts";
import type { Tolerance } from "./compare-tensors.ts";
import type { RequestData } from "./request-data.ts";
import { createStreamPool } from "./stream-pool.ts";
import { createStream } from "./stream-target.ts";
import type { Outcome, Shot, Target } from "./target.ts";

/** A model under load, as each generator needs it. */
export interface ModelTargetSpec {
  readonly kind: "model";
  readonly address: string;
  readonly modelName: string;
  readonly version: string;
  readonly streaming: boolean;
  readonly connect: ConnectOptions;
  readonly data: RequestData;
  readonly check: CheckChoice;
  readonly tolerance: Tolerance;
  readonly timeoutMs: number;
  readonly outputs?: readonly string[];
  readonly parameters?: Readonly<Record<string, ParameterValue>>;
}

/** Connects to a model. @throws what `connect` and `servedModel` throw */
export async function openModelTarget(spec: ModelTargetSpec): Promise<Target> {
  const client = await connect(spec.address, { ...spec.connect, responseTimeoutMs: spec.timeoutMs });
  try {
    const query = spec.version === "" ? {} : { version: spec.version };
    return modelTarget(client, await client.servedModel(spec.modelName, query), spec);
  } catch (error) {
    client.close();
    throw error;
  }
}

function modelTarget(client: TritonClient, model: ServedModel, spec: ModelTargetSpec): Target {
  const check = createCheck(spec.check, spec.data, spec.tolerance);
  const { timeoutMs, outputs, parameters } = spec;
  let made = 0;
  const requestOf = ({ stream, step, sequence }: Shot) => ({
    id: `${++made}`,
    inputs: spec.data.streams[stream]?.[step]?.inputs ?? {},
    ...(outputs === undefined ? {} : { outputs }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(sequence === undefined ? {} : { sequence }),
  });
  if (spec.streaming) {
    const pool = createStreamPool(() => createStream(model, check, timeoutMs));
    return {
      async send(shot) {
        const outcome = await pool.of(shot).send(requestOf(shot), shot);
        pool.done(shot);
        return outcome;
      },
      close() {
        pool.close();
        client.close();
      },
    };
  }
  return {
    async send(shot): Promise<Outcome> {
      try {
        const result = await model.infer(requestOf(shot), { timeoutMs });
        const answeredAt = performance.now();
        if (result.error !== undefined) return failed(result.error, answeredAt);
        const wrong = check(result.outputs, shot);
        return { answeredAt, responses: 1, ...(wrong === undefined ? {} : { wrong }) };
      } catch (error) {
        return failed(error);
      }
    },
    close: () => client.close(),
  };
}

/** An error as one kind of it: without what differs from request to request. */
export function failed(cause: unknown, answeredAt: number = performance.now()): Outcome {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  if (!isStrainflowError(error)) return { answeredAt, responses: 0, error };
  const { serverMessage, status } = error.details;
  const said = typeof serverMessage === "string" && serverMessage !== "" ? serverMessage : error.message;
  const word = typeof status === "string" ? status : error.tag;
  const plain = new Error(`${word}: ${said}`, { cause: error });
  return { answeredAt, responses: 0, error: plain };
}
