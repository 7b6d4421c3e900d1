import type { ModelFiles, ModelStore } from "@strainflow/repository";

/** A {@link ModelStore} that can tell what it holds without handing it out. */
export interface Store extends ModelStore, AsyncDisposable {
  readonly kind: "folder" | "s3" | "gs";
  /** Where it is, for people; never with credentials. */
  readonly url: string;
  /** Sizes and checksums of a model's files, by path; undefined where there is no such model. */
  summary(model: string): Promise<ReadonlyMap<string, FileSummary> | undefined>;
  put(model: string, files: ModelFiles, options?: PutOptions): Promise<void>;
  /** Lets go of connections. */
  close(): Promise<void>;
}

export interface FileSummary {
  /** Bytes; 0 for an empty folder. */
  readonly size: number;
  /** MD5 in hex: what both S3 and GCS keep. Missing where a store does not know it. */
  readonly md5?: string;
}

export interface PutOptions {
  /** Stops before what is there has been touched; after that the exchange is finished or taken back. */
  readonly signal?: AbortSignal;
  /** Called after each file has been sent. */
  readonly onSent?: (path: string, size: number) => void;
}
