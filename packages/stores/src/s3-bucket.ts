import { Agent } from "node:https";
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from "@aws-sdk/client-s3";
import {
  createCredentialChain,
  fromContainerMetadata,
  fromEnv,
  fromIni,
  fromInstanceMetadata,
  fromTokenFile,
} from "@aws-sdk/credential-providers";
import { isStrainflowError } from "@strainflow/series";
import type { Bucket, ConnectionOptions, ObjectFacts } from "./bucket.ts";
import { refused, storeError } from "./errors.ts";
import { md5Of } from "./md5.ts";

export interface S3Options extends ConnectionOptions {
  readonly bucket: string;
  /** `https://host:port` of any store that speaks S3. Default: `AWS_ENDPOINT_URL_S3`, else Amazon's. */
  readonly endpoint?: string;
  /** Default: `AWS_REGION` or `AWS_DEFAULT_REGION`, else the profile's; `us-east-1` with an endpoint. */
  readonly region?: string;
  /** Bucket in the path, not in the host name. Default: with an endpoint, where names of buckets seldom resolve. */
  readonly pathStyle?: boolean;
}

/** Ours among an object's metadata: an ETag is the MD5 of its contents only sometimes. */
const MD5_METADATA = "strainflow-md5";

/**
 * A bucket of anything that speaks S3. Credentials come from the environment, then profiles (shared config and
 * credentials files, with roles, SSO and processes), a web identity's token file, a container's own.
 *
 * @param url named in errors
 */
export function createS3Bucket(url: string, options: S3Options): Bucket {
  const { bucket: Bucket } = options;
  const client = createClient(options);

  /** Sends one request; what is thrown tells nothing of it. */
  const ask = async <T>(doing: string, request: () => Promise<T>): Promise<T> => {
    try {
      return await request();
    } catch (error) {
      throw errorOf(url, doing, error);
    }
  };
  const pages = async function* (Prefix: string, Delimiter?: string) {
    let ContinuationToken: string | undefined;
    do {
      const page = await ask("listing", () =>
        client.send(
          new ListObjectsV2Command({
            Bucket,
            Prefix,
            ...(Delimiter === undefined ? {} : { Delimiter }),
            ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
          }),
        ),
      );
      yield page;
      ContinuationToken = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (ContinuationToken !== undefined);
  };

  return {
    async objects(prefix) {
      const found: ObjectFacts[] = [];
      for await (const { Contents = [] } of pages(prefix))
        for (const { Key, Size = 0, ETag } of Contents) {
          const md5 = /^"?([0-9a-f]{32})"?$/.exec(ETag ?? "")?.[1];
          if (Key !== undefined) found.push({ key: Key, size: Size, ...(md5 === undefined ? {} : { md5 }) });
        }
      return found.sort((a, b) => (a.key < b.key ? -1 : 1));
    },

    async folders(prefix) {
      const found: string[] = [];
      for await (const { CommonPrefixes = [] } of pages(prefix, "/"))
        for (const { Prefix = "" } of CommonPrefixes) found.push(Prefix.slice(prefix.length, -1));
      return found;
    },

    get: (key) =>
      ask(`reading ${key}`, async () => {
        try {
          const { Body, Metadata } = await client.send(new GetObjectCommand({ Bucket, Key: key }));
          const contents = (await Body?.transformToByteArray()) ?? new Uint8Array();
          const sent = Metadata?.[MD5_METADATA];
          if (sent !== undefined && sent !== md5Of(contents))
            throw storeError("store-damaged", `${url}: ${key} is not what was put there; put it again`, {
              key,
            });
          return contents;
        } catch (error) {
          if (error instanceof S3ServiceException && error.name === "NoSuchKey") return undefined;
          throw error;
        }
      }),

    put: (key, contents, md5, signal) =>
      ask(`writing ${key}`, async () => {
        await client.send(
          new PutObjectCommand({
            Bucket,
            Key: key,
            Body: contents,
            ContentLength: contents.length,
            // The store refuses what does not arrive whole.
            ContentMD5: Buffer.from(md5, "hex").toString("base64"),
            Metadata: { [MD5_METADATA]: md5 },
          }),
          signal === undefined ? {} : { abortSignal: signal },
        );
      }),

    copy: (from, to) =>
      ask(`copying ${from}`, async () => {
        const source = `${Bucket}/${from}`.split("/").map(encodeURIComponent).join("/");
        await client.send(new CopyObjectCommand({ Bucket, Key: to, CopySource: source }));
      }),

    remove: (key) =>
      ask(`removing ${key}`, async () => {
        await client.send(new DeleteObjectCommand({ Bucket, Key: key }));
      }),

    close: async () => client.destroy(),
  };
}

function createClient(options: S3Options): S3Client {
  const { idleTimeoutMs = 60_000, ca, anonymous = false } = options;
  const { env } = process;
  // The SDK would tell every user of Node 20, on stderr, what only a maintainer can act on.
  env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";
  const endpoint = options.endpoint ?? env["AWS_ENDPOINT_URL_S3"] ?? env["AWS_ENDPOINT_URL"];
  const region =
    options.region ??
    env["AWS_REGION"] ??
    env["AWS_DEFAULT_REGION"] ??
    (endpoint === undefined ? undefined : "us-east-1");
  return new S3Client({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    forcePathStyle: options.pathStyle ?? endpoint !== undefined,
    ...(anonymous
      ? {
          signer: { sign: async (request) => request },
          credentials: { accessKeyId: "", secretAccessKey: "" },
        }
      : { credentials: credentialsOf(options) }),
    // Newer checksums are not known to every store; MD5 is, and we send it.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: {
      connectionTimeout: Math.min(10_000, idleTimeoutMs),
      socketTimeout: idleTimeoutMs,
      ...(ca === undefined ? {} : { httpsAgent: new Agent({ ca, keepAlive: true }) }),
    },
  });
}

/** The usual places, in the usual order. */
function credentialsOf({ instanceCredentials = false }: S3Options): ReturnType<typeof createCredentialChain> {
  const { env } = process;
  return createCredentialChain(
    fromEnv(),
    fromIni(),
    ...(env["AWS_WEB_IDENTITY_TOKEN_FILE"] === undefined ? [] : [fromTokenFile()]),
    ...(env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] === undefined &&
    env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] === undefined
      ? []
      : [fromContainerMetadata()]),
    ...(instanceCredentials ? [fromInstanceMetadata()] : []),
  );
}

function errorOf(url: string, doing: string, error: unknown): Error {
  if (isStrainflowError(error)) return error;
  if (!(error instanceof Error)) return refused(url, doing, { code: String(error) });
  if (error.name === "AbortError") return error;
  if (/Credentials|TokenProvider/.test(error.name))
    return storeError(
      "store-credentials",
      `${url}: no credentials for S3 were found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE for a ` +
        "profile of ~/.aws; --instance-credentials (instanceCredentials) asks the machine's own service, --anonymous (anonymous) goes without",
      { url },
    );
  if (error instanceof S3ServiceException)
    return refused(url, doing, {
      status: error.$metadata.httpStatusCode,
      code: error.name,
      text: error.message,
    });
  if (error.message.startsWith("Region is missing"))
    return storeError("store-failed", `${url}: in which region it lies is not known; set AWS_REGION`, {
      url,
    });
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
  return refused(url, doing, { code, text: error.message });
}
