import { fromBinary } from "@bufbuild/protobuf";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { ModelInferResponseSchema } from "@strainflow/proto";
import { readResponse } from "../conformance/wire/messages.ts";
import { type HttpAnswer, http, json } from "../conformance/wire/raw-http.ts";
import type { HttpCase } from "./http-case.ts";

/** What came of a request: its status, and where it was answered, all that the answer says. */
export interface FuzzOutcome {
  /** gRPC's name, HTTP's number; `nothing` where no answer came. */
  readonly status: string;
  /** The words of a refusal. */
  readonly text: string;
  readonly effect: unknown;
}

/** A healthy server answers any of these sooner, in milliseconds. */
const LIMIT_MS = 15_000;

export class GrpcFuzzer {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  send(bytes: Uint8Array): Promise<FuzzOutcome> {
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        "/inference.GRPCInferenceService/ModelInfer",
        (message: Uint8Array) => Buffer.from(message),
        (answer: Buffer) => fromBinary(ModelInferResponseSchema, answer),
        bytes,
        { deadline: Date.now() + LIMIT_MS },
        (error: ServiceError | null, response) => {
          if (error !== null)
            resolve({ status: status[error.code] ?? String(error.code), text: error.details, effect: null });
          else resolve({ status: "OK", text: "", effect: readable(readResponse(response)) });
        },
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}

/** `{…}` with bytes as text, so that two can be compared and shown. */
function readable({ id, model, version, outputs }: ReturnType<typeof readResponse>): unknown {
  const read = Object.entries(outputs).map(([name, { datatype, shape, bytes }]) => [
    name,
    { datatype, shape, bytes: Buffer.from(bytes).toString("hex") },
  ]);
  return { id, model, version, outputs: Object.fromEntries(read) };
}

export async function sendHttp(address: string, { path, request }: HttpCase): Promise<FuzzOutcome> {
  let answer: HttpAnswer;
  try {
    answer = await http(address, path, request);
  } catch (error) {
    return { status: "nothing", text: error instanceof Error ? error.message : "", effect: null };
  }
  if (answer.status !== 200) return { status: String(answer.status), text: errorOf(answer), effect: null };
  const header = answer.headers.get("inference-header-content-length");
  const size = header === null ? answer.bytes.byteLength : Number(header);
  const { outputs, ...head } = JSON.parse(answer.bytes.toString("utf8", 0, size)) as {
    readonly outputs?: readonly {
      readonly name: string;
      readonly parameters?: { binary_data_size?: number };
    }[];
    readonly parameters?: unknown;
  };
  // In which order the outputs lie is nobody's promise.
  let at = size;
  const named = (outputs ?? []).map((output) => {
    const end = at + (output.parameters?.binary_data_size ?? 0);
    const bytes = answer.bytes.toString("hex", at, end);
    at = end;
    return [output.name, { ...output, bytes }] as const;
  });
  const { parameters: _, ...told } = head;
  return { status: "200", text: "", effect: { ...told, outputs: Object.fromEntries(named) } };
}

function errorOf(answer: HttpAnswer): string {
  try {
    const told = json(answer) as { readonly error?: unknown } | undefined;
    return typeof told?.error === "string" ? told.error : answer.text;
  } catch {
    return answer.text;
  }
}
