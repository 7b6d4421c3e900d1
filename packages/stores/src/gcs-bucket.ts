import { setTimeout as sleep } from "node:timers/promises";
import { isStrainflowError } from "@strainflow/series";
import { Agent, request } from "undici";
import type { Bucket, ConnectionOptions, ObjectFacts } from "./bucket.ts";
import { refused, storeError } from "./errors.ts";
import { gcsAuthorization } from "./gcs-credentials.ts";
import { md5Of } from "./md5.ts";

export interface GcsOptions extends ConnectionOptions {
  readonly bucket: string;
  /** Default: `STORAGE_EMULATOR_HOST`, as in Google's own clients, else Google's. */
  readonly endpoint?: string;
}

type Body = Awaited<ReturnType<typeof request>>["body"];

const ATTEMPTS = 4;
const AGAIN = new Set([408, 429, 500, 502, 503, 504]);

/**
 * A bucket of Google Cloud Storage, over its JSON interface. Credentials are never sent over plain HTTP, and not to an
 * emulator.
 *
 * @param url named in errors
 */
export function createGcsBucket(url: string, options: GcsOptions): Bucket {
  const { idleTimeoutMs = 60_000, ca } = options;
  const emulator = process.env["STORAGE_EMULATOR_HOST"];
  const endpoint = endpointOf(options.endpoint ?? emulator);
  const open = endpoint.startsWith("http://") || (options.endpoint === undefined && emulator !== undefined);
  const authorization = gcsAuthorization(url, open ? { anonymous: true } : options);
  const dispatcher = new Agent({
    connect: { timeout: Math.min(10_000, idleTimeoutMs), ...(ca === undefined ? {} : { ca }) },
    headersTimeout: idleTimeoutMs,
    bodyTimeout: idleTimeoutMs,
  });
  const objects = `${endpoint}/storage/v1/b/${encodeURIComponent(options.bucket)}/o`;
  const objectUrl = (key: string): string => `${objects}/${encodeURIComponent(key)}`;

  /** One request, again where that may help; undefined for 404 where that is an answer. */
  const ask = async <T>(
    doing: string,
    { method = "GET", target, query = {}, contents, signal, absent = false }: Request,
    read: (body: Body, headers: Readonly<Record<string, string | string[] | undefined>>) => Promise<T>,
  ): Promise<T | undefined> => {
    for (let attempt = 1; ; attempt++) {
      const again = attempt < ATTEMPTS && signal?.aborted !== true;
      const token = await authorization();
      try {
        const { statusCode, headers, body } = await request(target, {
          method,
          query,
          dispatcher,
          headers: {
            ...(token === undefined ? {} : { authorization: token }),
            ...(contents === undefined ? {} : { "content-type": "application/octet-stream" }),
          },
          ...(contents === undefined ? {} : { body: contents }),
          ...(signal === undefined ? {} : { signal }),
        });
        if (statusCode < 300) return await read(body, headers);
        const said = await reasonOf(body);
        if (statusCode === 404 && absent && !/bucket/i.test(said)) return undefined;
        if (!again || !AGAIN.has(statusCode))
          throw refused(url, doing, {
            status: statusCode,
            code: statusCode === 404 && !absent ? "NoSuchBucket" : `status ${statusCode}`,
            text: said,
          });
      } catch (error) {
        if (isStrainflowError(error) || !(error instanceof Error)) throw error;
        if (signal?.aborted === true || error.name === "AbortError") throw error;
        const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
        if (!again) throw refused(url, doing, { code, text: error.message });
      }
      await sleep(100 * 2 ** attempt * (0.5 + Math.random() / 2));
    }
  };

  const pages = async function* (prefix: string, delimiter?: string): AsyncGenerator<Page> {
    let pageToken: string | undefined;
    do {
      const page: Page = listing(
        await ask(
          "listing",
          {
            target: objects,
            query: {
              prefix,
              ...(delimiter === undefined ? {} : { delimiter }),
              ...(pageToken === undefined ? {} : { pageToken }),
            },
          },
          (body) => body.json(),
        ),
      );
      yield page;
      pageToken = page.nextPageToken;
    } while (pageToken !== undefined && pageToken !== "");
  };

  return {
    async objects(prefix) {
      const found: ObjectFacts[] = [];
      for await (const { items = [] } of pages(prefix))
        for (const { name, size, md5Hash } of items)
          found.push({
            key: name,
            size: Number(size ?? 0),
            ...(md5Hash === undefined ? {} : { md5: Buffer.from(md5Hash, "base64").toString("hex") }),
          });
      return found.sort((a, b) => (a.key < b.key ? -1 : 1));
    },

    async folders(prefix) {
      const found: string[] = [];
      for await (const { prefixes = [] } of pages(prefix, "/"))
        for (const folder of prefixes) found.push(folder.slice(prefix.length, -1));
      return found;
    },

    get: (key) =>
      ask(
        `reading ${key}`,
        { target: objectUrl(key), query: { alt: "media" }, absent: true },
        async (body, { "x-goog-hash": hash }) => {
          const contents = new Uint8Array(await body.arrayBuffer());
          const md5 = /md5=([A-Za-z0-9+/]+=*)/.exec(String(hash ?? ""))?.[1];
          if (md5 !== undefined && Buffer.from(md5, "base64").toString("hex") !== md5Of(contents))
            throw storeError("store-damaged", `${url}: ${key} did not arrive as it is kept; try again`, {
              key,
            });
          return contents;
        },
      ),

    async put(key, contents, md5, signal) {
      const target = `${endpoint}/upload/storage/v1/b/${encodeURIComponent(options.bucket)}/o`;
      const query = { uploadType: "media", name: key };
      await ask(
        `writing ${key}`,
        { method: "POST", target, query, contents, ...(signal === undefined ? {} : { signal }) },
        async (body) => {
          const { items: [kept] = [] } = listing({ items: [await body.json()] });
          if (kept?.md5Hash !== undefined && kept.md5Hash !== Buffer.from(md5, "hex").toString("base64"))
            throw storeError("store-damaged", `${url}: ${key} did not arrive whole; put it again`, { key });
        },
      );
    },

    async copy(from, to) {
      let rewriteToken: string | undefined;
      do {
        const said: unknown = await ask(
          `copying ${from}`,
          {
            method: "POST",
            target: `${objectUrl(from)}/rewriteTo/b/${encodeURIComponent(options.bucket)}/o/${encodeURIComponent(to)}`,
            query: rewriteToken === undefined ? {} : { rewriteToken },
          },
          (body) => body.json(),
        );
        rewriteToken = isRecord(said) && said["done"] === false ? String(said["rewriteToken"]) : undefined;
      } while (rewriteToken !== undefined);
    },

    async remove(key) {
      await ask(`removing ${key}`, { method: "DELETE", target: objectUrl(key), absent: true }, async (body) =>
        body.dump(),
      );
    },

    close: () => dispatcher.close(),
  };
}

interface Request {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly target: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly contents?: Uint8Array;
  readonly signal?: AbortSignal;
  /** Whether 404 means that the object is not there. */
  readonly absent?: boolean;
}

interface Page {
  readonly items?: readonly { readonly name: string; readonly size?: string; readonly md5Hash?: string }[];
  readonly prefixes?: readonly string[];
  readonly nextPageToken?: string;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** What is used of an answer, checked. */
function listing(said: unknown): Page {
  const { items, prefixes, nextPageToken } = isRecord(said) ? said : {};
  return {
    items: (Array.isArray(items) ? items : []).filter(isRecord).map(({ name, size, md5Hash }) => ({
      name: String(name),
      ...(size === undefined ? {} : { size: String(size) }),
      ...(typeof md5Hash === "string" ? { md5Hash } : {}),
    })),
    prefixes: (Array.isArray(prefixes) ? prefixes : []).map(String),
    ...(typeof nextPageToken === "string" ? { nextPageToken } : {}),
  };
}

function endpointOf(endpoint: string | undefined): string {
  if (endpoint === undefined || endpoint === "") return "https://storage.googleapis.com";
  return (endpoint.includes("://") ? endpoint : `http://${endpoint}`).replace(/\/+$/, "");
}

/** The words of an error: JSON's message, or the text, cut short. */
async function reasonOf(body: Body): Promise<string> {
  const text = await body.text();
  try {
    const said: unknown = JSON.parse(text);
    const error = isRecord(said) ? said["error"] : undefined;
    if (isRecord(error) && typeof error["message"] === "string") return error["message"];
  } catch {
    // Not every proxy answers in JSON.
  }
  return text.trim().slice(0, 200);
}
