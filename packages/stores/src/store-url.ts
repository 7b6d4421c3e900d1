import { storeError } from "./errors.ts";

/** Where a repository lies, read from its URL. */
export type StoreAddress =
  | { readonly kind: "folder"; readonly path: string }
  | {
      readonly kind: "s3" | "gs";
      readonly bucket: string;
      /** Without slashes at its ends; may be empty. */
      readonly prefix: string;
      /** `https://host:port`; missing for the provider's own. */
      readonly endpoint?: string;
    };

const BUCKET = /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/;
/** With a protocol, any host; without one, as in Triton, it takes a port to tell a host from a bucket. */
const ENDPOINT = /^(?:(?<protocol>https?):\/\/|(?=[^/]+:\d+(?:\/|$)))(?<host>[^/]+)(?:\/(?<path>.*))?$/s;
const SEGMENT = /^(?!\.{1,2}$)[\w.=+ -]{1,200}$/;

/**
 * Reads the address of a repository: `s3://bucket/prefix`, `gs://bucket/prefix`, a folder, or for any other endpoint
 * the form that Triton has for it, `s3://https://host:port/bucket/prefix` (`s3://host:port/…` is plain HTTP, as there;
 * `gs://http://…` is ours).
 *
 * @throws `bad-store-url`
 */
export function parseStoreUrl(url: string): StoreAddress {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(url)?.[1];
  if (scheme === undefined && url !== "") return { kind: "folder", path: url };
  // Whoever writes credentials into a URL would find them in a log.
  if (url.includes("@"))
    throw storeError(
      "bad-store-url",
      `the URL of a ${scheme} store holds an "@": credentials do not belong there; put them into the environment or a credentials file`,
    );
  const wrong = (why: string): Error =>
    storeError(
      "bad-store-url",
      `${JSON.stringify(url)} is no address of a model repository: ${why}. ` +
        "Use a folder, s3://bucket/prefix, s3://https://host:port/bucket/prefix or gs://bucket/prefix",
      { url },
    );
  if (scheme !== "s3" && scheme !== "gs") throw wrong(`there is no kind ${JSON.stringify(scheme ?? "")}`);
  const rest = url.slice(`${scheme}://`.length);
  const elsewhere = ENDPOINT.exec(rest)?.groups;
  const path = elsewhere === undefined ? rest : (elsewhere["path"] ?? "");
  const [bucket = "", ...segments] = path.replace(/\/+$/, "").split("/");
  if (!BUCKET.test(bucket)) throw wrong(`${JSON.stringify(bucket)} is no name of a bucket`);
  const bad = segments.find((segment) => !SEGMENT.test(segment));
  if (bad !== undefined) throw wrong(`${JSON.stringify(bad)} cannot be part of its prefix`);
  const prefix = segments.join("/");
  if (elsewhere === undefined) return { kind: scheme, bucket, prefix };
  const endpoint = `${elsewhere["protocol"] ?? "http"}://${elsewhere["host"]}`;
  if (!URL.canParse(endpoint)) throw wrong(`${JSON.stringify(endpoint)} is no endpoint`);
  return { kind: scheme, bucket, prefix, endpoint };
}
