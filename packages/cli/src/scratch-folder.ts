import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ScratchFolder {
  readonly path: string;
  remove(): Promise<void>;
}

/** A folder of our own, gone however the command ends: also by a second Ctrl-C, which waits for nothing. */
export async function createScratchFolder(name: string): Promise<ScratchFolder> {
  const path = await mkdtemp(join(tmpdir(), `strainflow-${name}-`));
  const atExit = (): void => rmSync(path, { recursive: true, force: true });
  process.once("exit", atExit);
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true });
      process.off("exit", atExit);
    },
  };
}
