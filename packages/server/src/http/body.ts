import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { deflate, gunzip, gzip, inflate, type ZlibOptions } from "node:zlib";
import { invalid, Refusal } from "../refusal.ts";

type Encoding = "gzip" | "deflate";
type Convert = (body: Buffer, options?: ZlibOptions) => Promise<Buffer>;

const UNPACK: Readonly<Record<Encoding, Convert>> = { gzip: promisify(gunzip), deflate: promisify(inflate) };
const PACK: Readonly<Record<Encoding, Convert>> = { gzip: promisify(gzip), deflate: promisify(deflate) };

function isEncoding(name: string): name is Encoding {
  return Object.hasOwn(UNPACK, name);
}

/** A request's body, decompressed. `limit`: bytes before and after; −1 for any. @throws Refusal */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity" && encoding !== "" && !isEncoding(encoding))
    throw new Refusal("UNIMPLEMENTED", "Unsupported compression type");
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    if (!Buffer.isBuffer(part)) continue;
    size += part.byteLength;
    if (limit >= 0 && size > limit) throw tooLarge(limit);
    parts.push(part);
  }
  const body = Buffer.concat(parts);
  return isEncoding(encoding) ? unpack(encoding, body, limit) : body;
}

async function unpack(encoding: Encoding, body: Buffer, limit: number): Promise<Buffer> {
  try {
    // The limit is zlib's own: it stops before it has made more.
    return await UNPACK[encoding](body, limit < 0 ? {} : { maxOutputLength: Math.max(1, limit) });
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(limit);
    throw invalid(`the body is not ${encoding}, which its Content-Encoding says that it is`);
  }
}

function tooLarge(limit: number): Refusal {
  return invalid(`the request is larger than ${limit} bytes`);
}

/** The compression that an answer may have: the first accepted of the two that there are, by weight. */
export function acceptedEncoding(request: IncomingMessage): Encoding | undefined {
  let best: Encoding | undefined;
  let bestWeight = 0;
  const header = request.headers["accept-encoding"];
  for (const item of (typeof header === "string" ? header : "").split(",")) {
    const [name = "", ...rest] = item.split(";").map((part) => part.trim());
    const weight = Number(rest.find((part) => part.startsWith("q="))?.slice(2) ?? 1);
    if (isEncoding(name) && weight > bestWeight) {
      best = name;
      bestWeight = weight;
    }
  }
  return best;
}

export function pack(encoding: Encoding, body: Buffer): Promise<Buffer> {
  return PACK[encoding](body);
}
