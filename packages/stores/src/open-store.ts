import type { ConnectionOptions } from "./bucket.ts";
import { createBucketStore } from "./bucket-store.ts";
import { createFolderStore } from "./folder-store.ts";
import type { S3Options } from "./s3-bucket.ts";
import type { Store } from "./store.ts";
import { parseStoreUrl } from "./store-url.ts";

export interface OpenStoreOptions
  extends ConnectionOptions,
    Pick<S3Options, "endpoint" | "region" | "pathStyle"> {}

/**
 * Opens the store that a URL names: a folder, `s3://bucket/prefix` or `gs://bucket/prefix`, also with an endpoint in
 * the URL (see {@link parseStoreUrl}). Nothing is asked of it yet.
 *
 * @example
 * ```ts
 * await using store = await openStore("s3://https://minio.example.org:9000/models/production");
 * const repository = repositoryOf(store);
 * console.log(await repository.list());
 * ```
 *
 * @throws `bad-store-url`; each of its verbs `store-unreachable`, `store-credentials`, `store-denied`, `no-bucket`,
 * `store-failed`
 */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<Store> {
  const address = parseStoreUrl(url);
  if (address.kind === "folder") return createFolderStore(address.path);
  const { kind, bucket, prefix, endpoint = options.endpoint } = address;
  const bucketOptions = { ...options, bucket, ...(endpoint === undefined ? {} : { endpoint }) };
  // Who pushes to one cloud does not wait for the other's client to load.
  const open =
    kind === "s3"
      ? (await import("./s3-bucket.ts")).createS3Bucket
      : (await import("./gcs-bucket.ts")).createGcsBucket;
  return createBucketStore(open(url, bucketOptions), { kind, url, prefix });
}
