import { describe, expect, test } from "vitest";
import { parseStoreUrl } from "./store-url.ts";

describe("the address of a store", () => {
  test.each([
    ["models", { kind: "folder", path: "models" }],
    ["/data/models", { kind: "folder", path: "/data/models" }],
    ["s3://bucket", { kind: "s3", bucket: "bucket", prefix: "" }],
    ["s3://bucket/a/b/", { kind: "s3", bucket: "bucket", prefix: "a/b" }],
    ["gs://my_bucket.x/a", { kind: "gs", bucket: "my_bucket.x", prefix: "a" }],
    [
      "s3://https://minio.example.org:9000/bucket/a",
      { kind: "s3", bucket: "bucket", prefix: "a", endpoint: "https://minio.example.org:9000" },
    ],
    [
      "s3://localhost:9000/bucket",
      { kind: "s3", bucket: "bucket", prefix: "", endpoint: "http://localhost:9000" },
    ],
    ["s3://https://minio/bucket", { kind: "s3", bucket: "bucket", prefix: "", endpoint: "https://minio" }],
    [
      "gs://http://[::1]:4443/bucket/a",
      { kind: "gs", bucket: "bucket", prefix: "a", endpoint: "http://[::1]:4443" },
    ],
  ])("%s", (url, address) => {
    expect(parseStoreUrl(url)).toEqual(address);
  });

  test.each([
    "",
    "s3://",
    "s3:///a",
    "gs://UPPER/a",
    "s3://bucket/../other",
    "s3://bucket/a/./b",
    "s3://bucket/%2e%2e/x",
    "s3://bucket//a",
    "s3://http://",
    "s3://https://host",
    "ftp://bucket/a",
    "S3://bucket",
    "s3://http://a b:9/bucket",
    "s3://bucket/a?x=1",
  ])("%j is refused", (url) => {
    expect(() => parseStoreUrl(url)).toThrow(expect.objectContaining({ tag: "bad-store-url" }));
  });

  test("with credentials in it is refused, and not repeated", () => {
    expect(() => parseStoreUrl("s3://http://key:s3cret@host:9000/bucket")).toThrow(
      expect.objectContaining({ tag: "bad-store-url", message: expect.not.stringMatching(/s3cret|key:/) }),
    );
  });
});
