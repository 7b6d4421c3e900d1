import { inferRefused, malformedResponse } from "../errors.ts";
import type { GenerateAnswer, GenerateOutput, GenerateRequest } from "../generate.ts";
import { jsonText } from "../tensors/json-text.ts";

/** Inputs and parameters stand side by side; which is which, the server knows from the model. */
export function encodeGenerate({ inputs, parameters, id }: GenerateRequest): Buffer {
  const named = id === undefined ? {} : { id };
  return Buffer.from(jsonText({ ...parameters, ...inputs, ...named }), "utf8");
}

/** Fields of an answer that are no outputs. */
const BESIDE: ReadonlySet<string> = new Set([
  "id",
  "model_name",
  "model_version",
  "sequence_id",
  "sequence_start",
  "sequence_end",
]);

/** @throws `infer-refused` for an error, which comes with a good status once that was sent; `malformed-response` */
export function decodeGenerate(text: string, modelName: string, request: GenerateRequest): GenerateAnswer {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    throw malformed(text, modelName);
  }
  if (!isFields(fields)) throw malformed(text, modelName);
  const { error, model_name: name, model_version: version, id } = fields;
  if (typeof error === "string" && name === undefined)
    throw inferRefused({ modelName, requestId: request.id ?? "", message: error });
  if (typeof name !== "string") throw malformed(text, modelName);
  const outputs: [string, GenerateOutput][] = [];
  for (const [field, value] of Object.entries(fields)) {
    if (BESIDE.has(field)) continue;
    if (!isOutput(value)) throw malformed(text, modelName);
    outputs.push([field, value]);
  }
  return {
    outputs: Object.fromEntries(outputs),
    modelName: name,
    modelVersion: typeof version === "string" ? version : "",
    ...(typeof id === "string" ? { id } : {}),
  };
}

/** The events of a stream that the server sends: `data: …`, and an empty line. What was not ended is left out. */
export async function* eventData(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    const events = rest.split(/\r?\n\r?\n/);
    rest = events.pop() ?? "";
    for (const event of events) {
      const lines = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
      if (lines.length > 0) yield lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n");
    }
  }
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isOutput(value: unknown): value is GenerateOutput {
  if (Array.isArray(value)) return value.every(isOutput);
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

function malformed(text: string, modelName: string): Error {
  return malformedResponse(
    `model "${modelName}" was answered for with what is no JSON of outputs: ${text.slice(0, 80)}`,
    { modelName },
  );
}
