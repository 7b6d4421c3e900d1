/** What is left to do when a server has ended, however it ended. */
export interface Leftovers {
  /** Folders made for it. */
  readonly folders: readonly string[];
  /** Beginning of the names of its shared memory. Triton's python backend leaves it behind when it is killed. */
  readonly sharedMemory?: string;
  /** A command that removes what a signal does not reach: a container. */
  readonly command?: { readonly file: string; readonly args: readonly string[] };
}

/** From us to the keeper, over IPC: an environment may hold secrets, which arguments would show to all. */
export type ToKeeper =
  | {
      readonly type: "start";
      readonly file: string;
      readonly args: readonly string[];
      /** Absent: the keeper's own. */
      readonly env: Readonly<Record<string, string | undefined>>;
      readonly leftovers: Leftovers;
    }
  | { readonly type: "stop"; readonly graceMs: number };

export type FromKeeper =
  | { readonly type: "started"; readonly pid: number }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "exited"; readonly code: number | null; readonly signal: string | null };
