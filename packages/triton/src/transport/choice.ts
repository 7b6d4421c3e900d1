import { BlockList, isIP, isIPv4 } from "node:net";
import { invalidOption } from "@strainflow/series";
import { type Address, hostAndPort } from "./address.ts";
import { TRANSPORTS, type TransportName, type TransportOptions } from "./transport.ts";

/** What carries what to a server. */
export interface TransportChoice {
  readonly streams: TransportName;
  readonly calls: TransportName;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * As the options say; where they say nothing, frames, or grpc-js where that alone can do what was asked: its own
 * `channelOptions`, a proxy, or its variables about TLS.
 *
 * @throws `invalid-option`
 */
export function chooseTransports(
  address: Address,
  options: TransportOptions,
  environment: Environment = process.env,
): TransportChoice {
  const { channelOptions } = options;
  const asked =
    channelOptions !== undefined || isProxied(address, environment) || tlsIsAsked(address, environment);
  const streams = options.transport ?? (asked ? "grpc-js" : "frames");
  const calls = options.unaryTransport ?? streams;
  oneOf("transport", streams, TRANSPORTS);
  oneOf("unaryTransport", calls, TRANSPORTS);
  if (channelOptions !== undefined && streams !== "grpc-js" && calls !== "grpc-js")
    throw invalidOption("connect", "channelOptions", channelOptions, `absent with transport "${streams}"`);
  return { streams, calls };
}

/* Those that grpc-js reads, in its order. */
const PROXIES = ["grpc_proxy", "https_proxy", "http_proxy"];
const NO_PROXIES = ["no_grpc_proxy", "no_proxy"];
const TLS = ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "GRPC_SSL_CIPHER_SUITES"];

const firstOf = (names: readonly string[], environment: Environment): string | undefined =>
  names.map((name) => environment[name]).find(Boolean);

function isProxied(address: Address, environment: Environment): boolean {
  if (firstOf(PROXIES, environment) === undefined) return false;
  const { host } = hostAndPort(address);
  // A proxy has no way to this machine's own loopback; grpc-js would ask it all the same.
  if (isLoopback(host)) return false;
  const direct = (firstOf(NO_PROXIES, environment) ?? "").split(",").map((entry) => entry.trim());
  return !direct.some((entry) => entry !== "" && isNamed(host, entry));
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

/** Whether an entry of `no_proxy` is about a host: `*`, the end of its name, its address, or its network. */
function isNamed(host: string, entry: string): boolean {
  const [network = "", bits] = entry.split("/");
  if (bits === undefined) return entry === "*" || (isIP(host) === 0 ? host.endsWith(entry) : host === entry);
  if (!isIPv4(host) || !isIPv4(network) || !(Number(bits) >= 0 && Number(bits) <= 32)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(bits));
  return list.check(host);
}

function tlsIsAsked({ secure }: Address, environment: Environment): boolean {
  return secure && firstOf(TLS, environment) !== undefined;
}

function oneOf(option: string, value: string, known: readonly string[]): void {
  if (!known.includes(value))
    throw invalidOption("connect", option, value, known.map((name) => `"${name}"`).join(" or "));
}
