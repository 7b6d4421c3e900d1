/** What a store needs of a bucket, whoever keeps it. Keys are whole: the prefix of a repository is the caller's. */
export interface Bucket {
  /** Every object whose key begins with `prefix`, sorted by key. */
  objects(prefix: string): Promise<readonly ObjectFacts[]>;
  /** Names after `prefix` up to the next `/`: the folders there. */
  folders(prefix: string): Promise<readonly string[]>;
  /** @throws `store-damaged` where the bytes are not those that were put there */
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, contents: Uint8Array, md5: string, signal?: AbortSignal): Promise<void>;
  /** Copies an object inside the store: its bytes do not travel. */
  copy(from: string, to: string): Promise<void>;
  /** One that is not there is removed already. */
  remove(key: string): Promise<void>;
  close(): Promise<void>;
}

export interface ObjectFacts {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** MD5 of its contents in hex; missing where the store does not know it. */
  readonly md5?: string;
}

/** How any store is reached. */
export interface ConnectionOptions {
  /** Certificates of authorities to trust instead of the system's, as PEM: for a store with its own. */
  readonly ca?: string;
  /** Without any credentials, for what everyone may read. */
  readonly anonymous?: boolean;
  /**
   * Ask the machine's metadata service for credentials where there are no others. Not done unless asked for: off a
   * cloud it means waiting for an address that never answers.
   */
  readonly instanceCredentials?: boolean;
  /** Longest silence of a connection, ms. Default 60,000, as a large copy inside a store can take a while. */
  readonly idleTimeoutMs?: number;
}
