import { describe, expect, test } from "vitest";
import { parseServer, serverName } from "./server-address.ts";

describe("a server's address", () => {
  test.each([
    ["triton-1", "triton-1", "http://triton-1:8002/metrics", "grpc://triton-1:8001"],
    ["10.0.0.1:9002", "10.0.0.1:9002", "http://10.0.0.1:9002/metrics", "grpc://10.0.0.1:8001"],
    ["[::1]:9002", "[::1]:9002", "http://[::1]:9002/metrics", "grpc://[::1]:8001"],
    ["https://x/m", "x:443", "https://x/m", "grpc://x:8001"],
    ["a:9002, b:9001", "a:9002", "http://a:9002/metrics", "grpc://b:9001"],
    ["http://a:9002/,grpcs://b:9001", "a:9002", "http://a:9002/metrics", "grpcs://b:9001"],
    ["http://a,http://a:8000", "a:80", "http://a/metrics", "http://a:8000"],
    ["grpc://a:9001", "a", "http://a:8002/metrics", "grpc://a:9001"],
  ])("%s", (text, name, metrics, models) => {
    expect(parseServer(text)).toEqual({ name, metrics, models });
  });

  test.each([
    "",
    ",",
    "a,",
    "a,b,c",
    "a b",
    "a:0",
    "a:70000",
    "ftp://a",
    "http://",
    "grpc://",
    "grpc://a,b:1",
    "a,/x",
  ])("%j is refused, with what it may be", (text) => {
    expect(() => parseServer(text)).toThrow(
      expect.objectContaining({ tag: "invalid-option", message: expect.stringContaining("host:port") }),
    );
  });

  test("has no password in its name", () => {
    expect(serverName("http://user:secret@triton-1:8002/metrics")).toBe("triton-1");
  });
});
