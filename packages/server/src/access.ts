import { createHash, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { invalidOption, StrainflowError } from "@strainflow/series";

/** `read`: infer, and ask. `admin`: that, and change what is served, shared memory, trace and log. */
export type AccessRole = "read" | "admin";

export interface AccessToken {
  /** What clients send as `authorization: Bearer …`. */
  readonly token: string;
  readonly role: AccessRole;
}

/** Files in PEM. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  /** Clients must show a certificate that one of these signed. Without it, anybody may connect. */
  readonly clientAuthorities?: string;
}

/** What the files hold. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
}

export type Verdict = "granted" | "unauthenticated" | "denied";

/** Who may do what, by the tokens that requests bring along. */
export class Access {
  readonly #tokens: readonly { readonly digest: Buffer; readonly role: AccessRole }[];

  constructor(tokens: readonly AccessToken[]) {
    this.#tokens = tokens.map(({ token, role }) => ({ digest: digestOf(token), role }));
  }

  /** Without tokens everybody may do everything. */
  get open(): boolean {
    return this.#tokens.length === 0;
  }

  /** `authorization`: the header as it came. */
  judge(authorization: string | undefined, needed: AccessRole): Verdict {
    if (this.open) return "granted";
    const token = /^bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return "unauthenticated";
    const digest = digestOf(token);
    // All are compared, and whole: how long it takes tells nothing of any.
    let role: AccessRole | undefined;
    for (const known of this.#tokens) if (timingSafeEqual(known.digest, digest)) role = known.role;
    if (role === undefined) return "unauthenticated";
    return needed === "admin" && role !== "admin" ? "denied" : "granted";
  }
}

/** Tokens of a file: a role and a token on each line; `#` begins a remark. @throws `tokens-not-readable` */
export async function readTokens(path: string): Promise<readonly AccessToken[]> {
  const unreadable = (why: string, cause?: unknown): StrainflowError =>
    new StrainflowError("tokens-not-readable", `${path} ${why}`, { cause, details: { path } });
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw unreadable("cannot be read; tokens are in it", cause);
  });
  const lines = text.split("\n").map((line) => line.trim());
  const tokens = lines.flatMap((line, at): AccessToken[] => {
    if (line === "" || line.startsWith("#")) return [];
    const [role, token, ...rest] = line.split(/\s+/);
    if ((role !== "read" && role !== "admin") || token === undefined || rest.length > 0)
      throw unreadable(`has no role (read or admin) and token in line ${at + 1}`);
    return [{ role, token }];
  });
  if (tokens.length === 0) throw unreadable("has no tokens: everybody could do everything");
  return tokens;
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** @throws `tls-not-readable` */
export async function readTls(files: TlsFiles): Promise<TlsMaterial> {
  const read = (path: string): Promise<Buffer> =>
    readFile(path).catch((cause: unknown) => {
      throw new StrainflowError("tls-not-readable", `${path} cannot be read; TLS needs it`, {
        cause,
        details: { path },
      });
    });
  const [cert, key] = await Promise.all([read(files.certificate), read(files.key)]);
  return {
    cert,
    key,
    ...(files.clientAuthorities === undefined ? {} : { ca: await read(files.clientAuthorities) }),
  };
}

/**
 * An address that others reach is served only to those who show who they are, unless told otherwise.
 *
 * @throws `invalid-option`
 */
export function checkExposure(options: {
  readonly host: string;
  readonly tokens: readonly AccessToken[];
  readonly tls: TlsFiles | undefined;
  readonly insecure: boolean;
}): void {
  const { host, tokens, tls, insecure } = options;
  for (const { token, role } of tokens)
    if (!/^\S+$/.test(token) || (role !== "read" && role !== "admin"))
      throw invalidOption(
        "createServer",
        "tokens",
        role,
        "a token without spaces, and the role 'read' or 'admin'",
      );
  const guarded = tokens.length > 0 || tls?.clientAuthorities !== undefined;
  if (insecure || guarded || isLoopback(host)) return;
  throw invalidOption(
    "createServer",
    "host",
    host,
    "a loopback address (127.0.0.1), or one along with tokens or client certificates; insecure: true serves everybody who reaches it",
  );
}

function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  return bare === "localhost" || bare === "::1" || (isIP(bare) === 4 && bare.startsWith("127."));
}
