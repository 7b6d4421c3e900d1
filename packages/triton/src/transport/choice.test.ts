import { describe, expect, it } from "vitest";
import { parseAddress } from "./address.ts";
import { chooseTransports } from "./choice.ts";
import type { TransportOptions } from "./transport.ts";

const choose = (
  options: TransportOptions,
  environment: Readonly<Record<string, string>> = {},
  address = "grpc://triton.cluster.example:8001",
): string => {
  const { streams, calls } = chooseTransports(parseAddress(address), options, environment);
  return `${streams}, ${calls}`;
};

const PROXY = "http://proxy.example:3128";

describe("what carries gRPC", () => {
  it("is frames, where nothing else is asked for", () => {
    expect(choose({})).toBe("frames, frames");
    expect(choose({}, { GRPC_SSL_CIPHER_SUITES: "x" })).toBe("frames, frames");
  });

  it("is what is asked for, whatever else there is", () => {
    expect(choose({ transport: "frames" }, { http_proxy: PROXY })).toBe("frames, frames");
    expect(choose({ transport: "grpc-js" })).toBe("grpc-js, grpc-js");
    expect(choose({ unaryTransport: "grpc-js" })).toBe("frames, grpc-js");
    expect(choose({ unaryTransport: "frames", channelOptions: {} })).toBe("grpc-js, frames");
    expect(choose({ transport: "frames", unaryTransport: "grpc-js", channelOptions: {} })).toBe(
      "frames, grpc-js",
    );
  });

  it("is grpc-js by itself where that alone can do what is asked: its options, a proxy, its variables about TLS", () => {
    expect(choose({ channelOptions: {} })).toBe("grpc-js, grpc-js");
    for (const name of ["grpc_proxy", "https_proxy", "http_proxy"])
      expect(choose({}, { [name]: PROXY })).toBe("grpc-js, grpc-js");
    for (const name of ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "GRPC_SSL_CIPHER_SUITES"])
      expect(choose({}, { [name]: "x" }, "grpcs://triton.example")).toBe("grpc-js, grpc-js");
  });

  it.each<[string, string, string]>([
    ["a name", "triton.cluster.example", "grpc://triton.cluster.example:8001"],
    ["the end of a name", "elsewhere, .example", "grpc://triton.cluster.example:8001"],
    ["everything", "*", "grpc://triton.cluster.example:8001"],
    ["an address", "10.0.0.9,10.0.0.7", "10.0.0.7:8001"],
    ["a network", "10.0.0.0/8", "10.1.2.3:8001"],
    ["an address of version 6", "2001:db8::7", "[2001:db8::7]:8001"],
  ])("is frames beside a proxy that %s is excepted from", (_, exception, address) => {
    for (const name of ["no_proxy", "no_grpc_proxy"])
      expect(choose({}, { http_proxy: PROXY, [name]: exception }, address)).toBe("frames, frames");
    expect(
      choose({}, { http_proxy: PROXY, no_grpc_proxy: "other.example", no_proxy: exception }, address),
    ).toBe("grpc-js, grpc-js");
  });

  it.each(["", ",", "other.example", "10.0.0.0/8", "10.0.0.0/99", "x/8", "0.0.0.1"])(
    "is grpc-js behind a proxy with the exceptions '%s'",
    (exceptions) => {
      for (const address of ["triton.example:8001", "192.168.0.1:8001"])
        expect(choose({}, { http_proxy: PROXY, no_proxy: exceptions }, address)).toBe("grpc-js, grpc-js");
    },
  );

  it.each(["localhost:8001", "127.0.0.1:8001", "grpc://127.1.2.3:8001", "[::1]:8001"])(
    "is frames to this machine itself, %s, whatever proxy there is",
    (address) => {
      expect(choose({}, { http_proxy: PROXY, https_proxy: PROXY }, address)).toBe("frames, frames");
    },
  );

  it("cannot be what nobody knows, or have options that nothing would read", () => {
    for (const options of [
      { transport: "frames", channelOptions: {} },
      { unaryTransport: "frames", transport: "frames", channelOptions: {} },
    ] as const)
      expect(() => choose(options)).toThrow(expect.objectContaining({ tag: "invalid-option" }));
  });
});
