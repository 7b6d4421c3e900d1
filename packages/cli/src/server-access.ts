import { readFile } from "node:fs/promises";
import { isStrainflowError, StrainflowError } from "@strainflow/series";
import type { CredentialOptions } from "@strainflow/triton";
import type { Command } from "commander";
import { type FileSettings, readSettings } from "./settings-file.ts";

/** How servers are spoken to: settings, and flags of the same names. */
type AccessSettings = Pick<
  FileSettings,
  "tls" | "tlsCa" | "tlsCert" | "tlsKey" | "tlsName" | "token" | "tokenFile"
>;

/** Flags of a command that takes nothing else from a settings file. */
export interface AccessFlags extends AccessSettings {
  readonly config?: string;
}

/** How the servers of one command are spoken to. */
export interface ServerAccess {
  readonly credentials: CredentialOptions;
  /** An address, with TLS in it where that is wanted. */
  address(given: string): string;
  /** A failure in the words of flags: what the server does not accept, and what would help. */
  explain(error: unknown): unknown;
}

/** Adds what says how servers are spoken to. */
export function addAccessFlags(command: Command): Command {
  return command
    .option("--tls", "speak TLS to servers: host:port is then grpcs://host:port")
    .option(
      "--tls-ca <file>",
      "certificates (PEM) that a server's must be signed by (default: the system's); implies --tls",
    )
    .option("--tls-cert <file>", "our own certificate (PEM), where a server wants one; implies --tls")
    .option("--tls-key <file>", "its key (PEM)")
    .option("--tls-name <name>", "what a server's certificate is for, where not its address; implies --tls")
    .option("--token <text>", "sent with every request; others on this machine can see it: better a file")
    .option("--token-file <file>", "a file with it; of a server's own token file the first one is taken");
}

/** Those of commands that take no other settings: the file is read for this alone. */
export function addAccessAndConfigFlags(command: Command): Command {
  return addAccessFlags(command).option(
    "--config <file>",
    "settings, of which TLS and tokens are taken (default: strainflow.config.* here, if any)",
  );
}

/** Of the settings file, and flags on top. @throws `usage`, `settings-invalid`, `settings-unreadable` */
export async function accessOfFlags(flags: AccessFlags): Promise<ServerAccess> {
  const { settings } = await readSettings(flags.config);
  const { token, tokenFile, ...rest } = flags;
  const given = Object.entries({ ...rest, token, tokenFile }).filter(([, value]) => value !== undefined);
  // A token of the one kind replaces one of the other.
  const { token: _token, tokenFile: _tokenFile, ...others } = settings;
  const below = token === undefined && tokenFile === undefined ? settings : others;
  return serverAccess({ ...below, ...Object.fromEntries(given) });
}

/** @throws `usage` where a file cannot be read, or one thing lacks another */
export async function serverAccess(settings: AccessSettings): Promise<ServerAccess> {
  const { tls, tlsCa, tlsCert, tlsKey, tlsName, token, tokenFile } = settings;
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new StrainflowError("usage", "--tls-cert and --tls-key go together: a certificate and its key");
  if (token !== undefined && tokenFile !== undefined)
    throw new StrainflowError("usage", "--token and --token-file are two ways to say the same; give one");
  const wantsTls = tls ?? (tlsCa !== undefined || tlsCert !== undefined || tlsName !== undefined);
  const hasToken = token !== undefined || tokenFile !== undefined;
  if (tokenFile !== undefined) await readToken(tokenFile);
  return {
    credentials: {
      ...(tlsCa === undefined ? {} : { rootCertificates: await readPem("--tls-ca", tlsCa) }),
      ...(tlsCert === undefined ? {} : { clientCertificate: await readPem("--tls-cert", tlsCert) }),
      ...(tlsKey === undefined ? {} : { clientKey: await readPem("--tls-key", tlsKey) }),
      ...(tlsName === undefined ? {} : { serverName: tlsName }),
      ...(token === undefined ? {} : { bearerToken: token }),
      // Read for each call: who runs a cluster renews what lies there.
      ...(tokenFile === undefined ? {} : { bearerToken: () => readToken(tokenFile) }),
    },
    address: (given) => (wantsTls ? secured(given) : given),
    explain: (error) => explained(error, hasToken, wantsTls),
  };
}

/** With the token of now in place of what reads it, for processes that are given no functions. */
export async function fixedCredentials(access: ServerAccess): Promise<CredentialOptions> {
  const { bearerToken, ...rest } = access.credentials;
  const token = typeof bearerToken === "function" ? await bearerToken() : bearerToken;
  return { ...rest, ...(token === undefined ? {} : { bearerToken: token }) };
}

function secured(address: string): string {
  if (/^(?:grpc|http)s:\/\//.test(address)) return address;
  if (/^(?:grpc|http):\/\//.test(address)) return address.replace("://", "s://");
  return `grpcs://${address}`;
}

async function readPem(flag: string, path: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new StrainflowError("usage", `${flag} is ${path}, which cannot be read`, { cause });
  });
  if (!bytes.includes("-----BEGIN "))
    throw new StrainflowError("usage", `${flag} is ${path}, which is not in PEM (-----BEGIN …)`);
  return bytes;
}

/** The first token of a file: alone on its line, or behind a role as servers have it. */
async function readToken(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new StrainflowError("usage", `--token-file is ${path}, which cannot be read`, { cause });
  });
  const line = text.split("\n").find((one) => one.trim() !== "" && !one.trim().startsWith("#"));
  const found = /^\s*(?:(?:read|admin)\s+)?(\S+)\s*$/.exec(line ?? "")?.[1];
  if (found === undefined)
    throw new StrainflowError("usage", `--token-file is ${path}, whose first line is no token`);
  return found;
}

function explained(error: unknown, hasToken: boolean, wantsTls: boolean): unknown {
  if (!isStrainflowError(error)) return error;
  const hint = hintOf(error, hasToken, wantsTls);
  if (hint === undefined) return error;
  const message = error.message
    .replace(/; give the (?:authority|name) .* as (?:rootCertificates|serverName)$/, "")
    .replace(/; is it running, and is this its port\?$/, "");
  return new StrainflowError(error.tag, `${message}; ${hint}`, { cause: error, details: error.details });
}

function hintOf({ tag, message }: StrainflowError, hasToken: boolean, wantsTls: boolean): string | undefined {
  if (tag === "server-untrusted" || /self-signed certificate|unable to (?:get|verify)/.test(message))
    return /altnames/.test(message)
      ? "give the name that it is for with --tls-name"
      : "give the certificate of who signed it with --tls-ca";
  if (/\(UNAUTHENTICATED\)|answers 401/.test(message))
    return hasToken
      ? "it does not know the token that was sent (--token-file)"
      : "it wants a token: give one with --token-file";
  if (/\(PERMISSION_DENIED\)|answers 403/.test(message))
    return "the token that was sent does not allow that; give an admin's with --token-file";
  if (/alert (?:number \d+|.*certificate)|certificate required|bad certificate/i.test(message))
    return "it wants a certificate of ours that it trusts: --tls-cert and --tls-key";
  if (
    !wantsTls &&
    /connection was closed|other side closed|socket hang up|Failed to connect|ECONNRESET/.test(message)
  )
    return "is it running, and is this its port? If it speaks TLS, say --tls";
  return undefined;
}
