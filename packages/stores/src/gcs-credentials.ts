import { access, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { Compute, GoogleAuth } from "google-auth-library";
import type { ConnectionOptions } from "./bucket.ts";
import { storeError } from "./errors.ts";

/** The value of an `Authorization` header; undefined to go without. */
export type Authorization = () => Promise<string | undefined>;

const SCOPE = "https://www.googleapis.com/auth/devstorage.read_write";

/**
 * Credentials from the usual places: the file that `GOOGLE_APPLICATION_CREDENTIALS` names, else the one that
 * `gcloud auth application-default login` writes, else, only if asked for, the machine's metadata service.
 *
 * @param url named in errors
 */
export function gcsAuthorization(url: string, options: ConnectionOptions): Authorization {
  let client: Promise<{ getAccessToken(): Promise<{ token?: string | null }> }> | undefined;
  const open = async (): Promise<{ getAccessToken(): Promise<{ token?: string | null }> }> => {
    const keyFile = await credentialsFile(url);
    if (keyFile === undefined && options.instanceCredentials === true)
      return new Compute({ scopes: [SCOPE] });
    if (keyFile === undefined)
      throw storeError(
        "store-credentials",
        `${url}: no credentials for Google Cloud Storage were found. Set GOOGLE_APPLICATION_CREDENTIALS to a key file, or run ` +
          "`gcloud auth application-default login`; --instance-credentials (instanceCredentials) asks the machine's own " +
          "service, --anonymous (anonymous) goes without",
        { url },
      );
    const credentials: unknown = JSON.parse(await readFile(keyFile, "utf8"));
    if (typeof credentials !== "object" || credentials === null) throw new TypeError("not an object");
    return new GoogleAuth({ credentials, scopes: [SCOPE] }).getClient();
  };
  return async () => {
    if (options.anonymous === true) return undefined;
    try {
      client ??= open();
      const { token } = await (await client).getAccessToken();
      return `Bearer ${token}`;
    } catch (error) {
      client = undefined;
      if (error instanceof Error && error.name === "StrainflowError") throw error;
      // What a parser or a client says of a key file may quote it.
      throw storeError(
        "store-credentials",
        `${url}: the credentials for Google Cloud Storage cannot be used (${codeOf(error)}); make a new key, or log in again`,
        { url },
      );
    }
  };
}

async function credentialsFile(url: string): Promise<string | undefined> {
  const named = process.env["GOOGLE_APPLICATION_CREDENTIALS"];
  const usual = join(
    process.env["CLOUDSDK_CONFIG"] ?? join(homedir(), ".config", "gcloud"),
    "application_default_credentials.json",
  );
  const path = named ?? usual;
  const there = await access(path).then(
    () => true,
    () => false,
  );
  if (there) return path;
  if (named === undefined) return undefined;
  throw storeError(
    "store-credentials",
    `${url}: GOOGLE_APPLICATION_CREDENTIALS names ${named}, which cannot be read`,
    { url, path: named },
  );
}

function codeOf(error: unknown): string {
  if (error instanceof SyntaxError) return "the file is not JSON";
  if (!(error instanceof Error)) return "unknown";
  if ("status" in error && typeof error.status === "number") return `status ${error.status}`;
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
