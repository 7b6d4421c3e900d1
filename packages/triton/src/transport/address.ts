import { invalidOption } from "@strainflow/series";

/** Where a server listens. */
export interface Address {
  /** As given, for messages to people. */
  readonly text: string;
  readonly protocol: "grpc" | "http";
  /** `host:port`. */
  readonly target: string;
  /** TLS. */
  readonly secure: boolean;
}

const FORMS = "host:port, grpc://host:port, grpcs://host:port, http://host:port or https://host:port";

/**
 * Reads `host:port`, `grpc://host:port`, `http://host:port`, or with TLS `grpcs://host:port`, `https://host:port`.
 * Without a port: Triton's own, 8001 for gRPC and 8000 for HTTP.
 *
 * @throws `invalid-option`
 */
export function parseAddress(text: string): Address {
  const match = /^(?:(grpcs?|https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[^\s/:[\]]+)(?::(\d{1,5}))?\/?$/.exec(text);
  const scheme = match?.[1] ?? "grpc";
  const protocol = scheme.startsWith("http") ? "http" : "grpc";
  const port = Number(match?.[3] ?? (protocol === "http" ? 8000 : 8001));
  if (match === null || match[2] === undefined || port < 1 || port > 65535)
    throw invalidOption("connect", "address", text, FORMS);
  return { text, protocol, target: `${match[2]}:${port}`, secure: scheme.endsWith("s") };
}

/** Its parts, as sockets take them: an IPv6 address without its brackets. */
export function hostAndPort({ target }: Address): { readonly host: string; readonly port: number } {
  const colon = target.lastIndexOf(":");
  return { host: target.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port: Number(target.slice(colon + 1)) };
}
