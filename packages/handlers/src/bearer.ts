import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { invalidOption } from "@strainflow/series";

/** Whether an `authorization` header brings the token. Compared whole: how long it takes tells nothing of it. */
export function bearerCheck(token: string | undefined): (authorization: string | undefined) => boolean {
  if (token === undefined) return () => true;
  const known = digestOf(token);
  return (authorization) => {
    const given = /^bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    return given !== undefined && timingSafeEqual(known, digestOf(given));
  };
}

/**
 * Others are served only with a token, unless told otherwise.
 *
 * @throws `invalid-option`
 */
export function checkExposure(host: string, token: string | undefined, insecure: boolean): void {
  if (token !== undefined && !/^\S+$/.test(token))
    throw invalidOption("serveHandler", "token", "not usable", "a text without spaces");
  if (token !== undefined || insecure || isLoopback(host)) return;
  throw invalidOption(
    "serveHandler",
    "host",
    host,
    "a loopback address (127.0.0.1), or one along with a token; insecure: true serves everybody who reaches it",
  );
}

function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  return bare === "localhost" || bare === "::1" || (isIP(bare) === 4 && bare.startsWith("127."));
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
