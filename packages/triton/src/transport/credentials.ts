import { invalidOption } from "@strainflow/series";

/** A token, or what gives the token of now: asked before each call, so that it may renew what runs out. */
export type BearerToken = string | (() => string | Promise<string>);

/** Who we are, and whom we trust. */
export interface CredentialOptions {
  /** Sent with every call. With gRPC, a name in `-bin` takes base64. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Sent as `authorization: Bearer …`. It goes over plain connections too, where a proxy beside us speaks TLS for us;
   * without one, use `grpcs://` or `https://`.
   */
  readonly bearerToken?: BearerToken;
  /** Certificates (PEM) that a `grpcs://` or `https://` server's must be signed by; the system's when absent. */
  readonly rootCertificates?: Uint8Array;
  /** Our own certificate (PEM), where the server wants to know who calls (mutual TLS). Needs `clientKey`. */
  readonly clientCertificate?: Uint8Array;
  /** The key (PEM) of `clientCertificate`. */
  readonly clientKey?: Uint8Array;
  /** The name that the server's certificate must have, where it is not that of the address. */
  readonly serverName?: string;
}

/** TLS options in Node's words. */
export interface NodeTlsOptions {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly servername?: string;
}

/** @throws `invalid-option` for a certificate without its key, or a key without its certificate */
export function tlsOptions(options: CredentialOptions): NodeTlsOptions {
  const { rootCertificates, clientCertificate, clientKey, serverName } = options;
  if ((clientCertificate === undefined) !== (clientKey === undefined))
    throw invalidOption(
      "connect",
      clientKey === undefined ? "clientKey" : "clientCertificate",
      undefined,
      "given together with the other: a certificate and its key",
    );
  return {
    ...(rootCertificates === undefined ? {} : { ca: Buffer.from(rootCertificates) }),
    ...(clientCertificate === undefined ? {} : { cert: Buffer.from(clientCertificate) }),
    ...(clientKey === undefined ? {} : { key: Buffer.from(clientKey) }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}

/** The headers that go with every call. */
export interface HeaderSource {
  /** As of the last `refresh`. */
  current(): Readonly<Record<string, string>>;
  /** Asks for the token of now; nothing to wait for where it never changes. */
  refresh(): Promise<void> | undefined;
}

export function headerSource(options: CredentialOptions): HeaderSource {
  const { headers = {}, bearerToken } = options;
  const withToken = (token: string): Readonly<Record<string, string>> => ({
    ...headers,
    authorization: `Bearer ${token}`,
  });
  if (typeof bearerToken !== "function") {
    const fixed = bearerToken === undefined ? headers : withToken(bearerToken);
    return { current: () => fixed, refresh: () => undefined };
  }
  let last = headers;
  return {
    current: () => last,
    async refresh() {
      last = withToken(await bearerToken());
    },
  };
}
