import type { FileHandle } from "node:fs/promises";
import { malformed } from "./errors.ts";

/** `size` bytes of a file from `position`, in memory of their own. @throws `arrow-malformed` if the file ends first */
export async function readExactly(file: FileHandle, position: number, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  for (let done = 0; done < size; ) {
    const { bytesRead } = await file.read(bytes, done, size - done, position + done);
    if (bytesRead === 0) throw malformed(`the file ends at byte ${position + done}, inside a message`);
    done += bytesRead;
  }
  return bytes;
}
