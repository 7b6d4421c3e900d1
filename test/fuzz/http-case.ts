import { deflateSync, gzipSync } from "node:zlib";
import type { HttpRequest } from "../conformance/wire/raw-http.ts";
import type { Asked, AskedInput } from "./asked.ts";
import type { Dice } from "./dice.ts";
import { rawContents } from "./grpc-case.ts";

export interface HttpCase {
  readonly path: string;
  readonly request: HttpRequest;
}

type Json = null | boolean | number | string | Whole | readonly Json[] | { readonly [key: string]: Json };

/** A whole number of any size, as JSON has it and `JSON.stringify` has not. */
class Whole {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

function text(value: Json): string {
  if (value instanceof Whole) return String(value.value);
  if (Array.isArray(value)) return `[${value.map(text).join(",")}]`;
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .map(([key, item]) => `${JSON.stringify(key)}:${text(item)}`)
      .join(",")}}`;
  return JSON.stringify(value);
}

const asJson = (value: boolean | number | bigint | string): Json =>
  typeof value === "bigint" ? new Whole(value) : value;

/** A request over HTTP: tensors in JSON or behind it, at times with a changed member, header or compression. */
export function httpCase(asked: Asked, dice: Dice): HttpCase {
  const tail: Uint8Array[] = [];
  const inputs = asked.inputs.map((input): Json => {
    const form = dice.pick(["json", "binary"] as const);
    const data =
      form === "json" && input.type !== "FP16" ? { data: input.values.map(asJson) } : behind(input, tail);
    return { name: input.name, shape: input.shape.map(asJson), datatype: input.datatype, ...data };
  });
  const outputs = asked.outputs.map((name): Json => {
    const how = dice.pick([{}, { binary_data: true }, { classification: 1 }, { binary_data: false }]);
    return { name, parameters: how };
  });
  const binary = asked.model === "types" ? { binary_data_output: true } : {};
  const parameters = Object.entries(asked.parameters).map(([key, value]) => [key, asJson(value)] as const);
  let body: Json = {
    ...(asked.id === "" ? {} : { id: asked.id }),
    inputs,
    ...(outputs.length === 0 ? {} : { outputs }),
    parameters: { ...binary, ...Object.fromEntries(parameters) },
  };
  if (dice.chance(0.3)) body = changedMember(body, dice);
  const head = Buffer.from(text(body));
  let size: string | undefined = tail.length > 0 ? String(head.byteLength) : undefined;
  if (dice.chance(0.08))
    size = dice.pick(["0", "-1", "abc", "1", String(head.byteLength + 1), "99999999999"]);
  const whole = Buffer.concat([head, ...tail]);
  const packed = dice.pick([undefined, undefined, undefined, "gzip", "deflate", "br"]);
  const version = asked.version === "" ? "" : `/versions/${encodeURIComponent(asked.version)}`;
  return {
    path: `/v2/models/${encodeURIComponent(asked.model)}${version}/infer`,
    request: {
      method: "POST",
      body: packed === "gzip" ? gzipSync(whole) : packed === "deflate" ? deflateSync(whole) : whole,
      headers: {
        ...(size === undefined ? {} : { "inference-header-content-length": size }),
        ...(packed === undefined ? {} : { "content-encoding": packed }),
        ...(dice.chance(0.1)
          ? { "accept-encoding": dice.pick(["gzip", "deflate", "br", "gzip;q=0, *"]) }
          : {}),
      },
    },
  };
}

function behind(input: AskedInput, tail: Uint8Array[]): { readonly [key: string]: Json } {
  const bytes = rawContents(input);
  tail.push(bytes);
  return { parameters: { binary_data_size: bytes.byteLength } };
}

const OTHER: readonly Json[] = [
  null,
  true,
  0,
  -1,
  1.5,
  "",
  "text",
  [],
  {},
  [[1]],
  new Whole(2n ** 64n),
  new Whole(2n ** 63n),
];

/** The same with one member, at any depth, dropped or given another value. */
function changedMember(body: Json, dice: Dice): Json {
  if (Array.isArray(body)) {
    if (body.length === 0 || dice.chance(0.2)) return dice.pick(OTHER);
    const at = dice.below(body.length);
    return body.map((item: Json, index) => (index === at ? changedMember(item, dice) : item));
  }
  if (typeof body !== "object" || body === null || body instanceof Whole) return dice.pick(OTHER);
  const entries = Object.entries(body);
  if (entries.length === 0) return dice.pick(OTHER);
  const [key, value] = dice.pick(entries);
  const rest = Object.fromEntries(entries.filter(([other]) => other !== key));
  const roll = dice.fraction();
  if (roll < 0.2) return rest;
  if (roll < 0.3) return { ...body, [`${key}x`]: value };
  if (roll < 0.5) return { ...body, [key]: dice.pick(OTHER) };
  return { ...body, [key]: changedMember(value, dice) };
}
