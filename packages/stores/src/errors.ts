import { StrainflowError } from "@strainflow/series";

/** Tags of the errors that this package raises. */
export type StoreErrorTag =
  /** A URL that names no store. */
  | "bad-store-url"
  /** Nobody answers there, or not in time. */
  | "store-unreachable"
  /** No credentials were found, or they could not be turned into a token. */
  | "store-credentials"
  /** The credentials are not good for what was asked. */
  | "store-denied"
  /** There is no such bucket. */
  | "no-bucket"
  /** The store answered with another error. */
  | "store-failed"
  /** Bytes that are not those that were sent, or that changed while they were read. */
  | "store-damaged";

export function storeError(
  tag: StoreErrorTag,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): StrainflowError {
  return new StrainflowError(tag, message, { details });
}

/** What a store said of a request that failed. */
export interface Refusal {
  /** HTTP status, if there was an answer. */
  readonly status?: number | undefined;
  /** The store's or the system's name for it: `NoSuchBucket`, `ECONNREFUSED`. */
  readonly code: string;
  /** Its words, for people. */
  readonly text?: string | undefined;
}

const UNREACHABLE =
  /^(E[A-Z]{4,}|UND_ERR_\w+|CERT_\w+|DEPTH_ZERO\w+|SELF_SIGNED\w+|UNABLE_TO\w+|ERR_TLS\w+|TimeoutError|NetworkingError)$/;
const DENIED =
  /^(AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|AllAccessDisabled|Forbidden)/;

/**
 * The error for a request that failed. The client's own error is not its cause on purpose: those carry requests, and so
 * signatures, tokens and keys, into whatever log prints them.
 */
export function refused(url: string, doing: string, { status, code, text }: Refusal): StrainflowError {
  const details = { url, code, ...(status === undefined ? {} : { status }) };
  const said = text === undefined || text === "" || text === code ? code : `${code}: ${text}`;
  if (code === "NoSuchBucket" || (code === "NotFound" && status === 404))
    return storeError(
      "no-bucket",
      `${url}: there is no such bucket; make it first, or check the URL`,
      details,
    );
  if (DENIED.test(code) || status === 401 || status === 403)
    return storeError(
      "store-denied",
      `${url}: ${doing} was refused (${said}); check whose credentials are in use, and what they may do`,
      details,
    );
  if (UNREACHABLE.test(code))
    return storeError(
      "store-unreachable",
      `${url}: ${doing} failed, since the store cannot be reached (${said}); check address, network and certificates`,
      details,
    );
  return storeError("store-failed", `${url}: ${doing} failed (${said})`, details);
}
