import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { fromBinary, fromJson, type JsonObject, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ModelConfigSchema, ModelInferRequestSchema } from "./index.ts";

const shared = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const path = `${shared}/fixtures/aframe-run/wire.json.gz`;
const present = existsSync(path);
if (!present && process.env.STRAINFLOW_REQUIRE === "all") throw new Error(`${path} is missing`);

interface Message {
  readonly message: JsonObject;
  readonly without_raw_hex: string;
}
interface Wire {
  readonly models: Readonly<Record<string, { readonly config: JsonValue }>>;
  readonly sequences: Readonly<Record<string, { readonly requests: readonly Message[] }>>;
}

describe.skipIf(!present)("messages recorded from a Triton server (needs ../shared/fixtures)", () => {
  const wire: Wire = present
    ? JSON.parse(gunzipSync(readFileSync(path)).toString("utf8"))
    : { models: {}, sequences: {} };

  it("decode to the fields that were recorded, and encode to as many bytes", () => {
    let messages = 0;
    for (const { requests } of Object.values(wire.sequences))
      for (const { message, without_raw_hex } of requests) {
        const bytes = Buffer.from(without_raw_hex, "hex");
        const decoded = fromBinary(ModelInferRequestSchema, bytes);
        expect(decoded.$unknown).toBeUndefined();
        expect(decoded).toEqual(fromJson(ModelInferRequestSchema, message));
        expect(toBinary(ModelInferRequestSchema, decoded).length).toBe(bytes.length);
        messages++;
      }
    expect(messages).toBe(18);
  });

  it("hold the configurations of its models without an unknown field", () => {
    expect(Object.keys(wire.models)).toHaveLength(4);
    for (const [name, { config }] of Object.entries(wire.models))
      expect(fromJson(ModelConfigSchema, config).name).toBe(name);
  });
});
