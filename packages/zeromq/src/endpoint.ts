import { invalidOption, StrainflowError } from "@strainflow/series";
import type { Socket } from "zeromq";

/** Binds or connects, and gives the endpoint that others can reach: with its port, where `*` or 0 was asked for. */
export async function attach(socket: Socket, endpoint: string, bind: boolean): Promise<string> {
  try {
    // Port 0 is what everything else calls a free port; ZeroMQ calls it `*`.
    if (bind) await socket.bind(endpoint.replace(/^(tcp:.*):0$/, "$1:*"));
    else socket.connect(endpoint);
  } catch (cause) {
    socket.close();
    throw new StrainflowError(
      "zeromq-endpoint",
      `cannot ${bind ? "bind to" : "connect to"} ${endpoint}: ${cause instanceof Error ? cause.message : String(cause)}; ` +
        "an endpoint is like tcp://127.0.0.1:5555 (tcp://0.0.0.0:5555 to listen on all interfaces) or ipc:///tmp/strain",
      { cause, details: { endpoint } },
    );
  }
  return bind ? (socket.lastEndpoint ?? endpoint) : endpoint;
}

export function checkCount(where: string, option: string, value: number): number {
  if (!Number.isInteger(value) || value < 1) throw invalidOption(where, option, value, "a whole number ≥ 1");
  return value;
}

/** Milliseconds, `Infinity` for never. */
export function checkMs(where: string, option: string, value: number): number {
  if (!(value >= 0) || (Number.isFinite(value) && value > 2 ** 31 - 1))
    throw invalidOption(where, option, value, "milliseconds from 0 to 2147483647, or Infinity");
  return value;
}
