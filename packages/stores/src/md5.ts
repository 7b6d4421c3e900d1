import { createHash } from "node:crypto";

/** MD5 in hex: not for safety, but what object stores have of every object, to tell which differ. */
export function md5Of(contents: Uint8Array): string {
  return createHash("md5").update(contents).digest("hex");
}
