import type { ConnectionOptions } from "./bucket.ts";
import { createBucketStore } from "./bucket-store.ts";
import { createFolderStore } from "./folder-store.ts";
import { createGcsBucket } from "./gcs-bucket.ts";
import { createS3Bucket, type S3Options } from "./s3-bucket.ts";
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
  return createBucketStore(
    kind === "s3" ? createS3Bucket(url, bucketOptions) : createGcsBucket(url, bucketOptions),
    { kind, url, prefix },
  );
}
