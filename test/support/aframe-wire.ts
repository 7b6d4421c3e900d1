import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { type ModelInferRequest, ModelInferRequestSchema } from "@strainflow/proto";
import { shared } from "./shared.ts";

const path = `${shared}/fixtures/aframe-run/wire.json.gz`;

/** Whether tests on the recorded messages are to be skipped; where everything is required they run, and fail. */
export const withoutAframeWire: boolean = !existsSync(path) && process.env["STRAINFLOW_REQUIRE"] !== "all";

/** A request of hermes' client as it went over the wire: all fields but the tensors' bytes, and what those were. */
export interface RecordedRequest {
  readonly message: ModelInferRequest;
  readonly contents: readonly Contents[];
}

export interface Contents {
  readonly bytes: number;
  readonly sha256: string;
}

interface Wire {
  readonly sequences: Readonly<
    Record<
      string,
      {
        readonly requests: readonly {
          readonly message: JsonObject;
          readonly raw_input_contents: readonly Contents[];
        }[];
      }
    >
  >;
}

/** The first requests of a recorded run, of its plain strain: the runs with mergers sent a second sequence beside it. */
export function recordedRequests(run: string): RecordedRequest[] {
  const wire: Wire = JSON.parse(gunzipSync(readFileSync(path)).toString("utf8"));
  const all = (wire.sequences[run]?.requests ?? []).map((request) => ({
    message: fromJson(ModelInferRequestSchema, request.message),
    contents: request.raw_input_contents.map(({ bytes, sha256 }) => ({ bytes, sha256 })),
  }));
  const plain = sequenceOf(all[0]?.message);
  return all.filter(({ message }) => sequenceOf(message) === plain);
}

/** The id of the sequence that a request belongs to. */
export function sequenceOf(message: ModelInferRequest | undefined): bigint | undefined {
  const choice = message?.parameters["sequence_id"]?.parameterChoice;
  return choice?.case === "int64Param" ? choice.value : undefined;
}

/** What a tensor's bytes are known by. */
export function contentsOf(bytes: Uint8Array): Contents {
  return { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}
