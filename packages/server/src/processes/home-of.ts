import { sequenceKey } from "../sequences/sequence-homes.ts";

/**
 * The number of the process that a sequence belongs to. By its id alone: models of one id share a process, as an
 * ensemble's steps must.
 */
export function homeOf(id: bigint | string, count: number): number {
  const key = sequenceKey(id);
  // FNV-1a, and its high bits mixed in: ids that count up must not all be even.
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 0) % count;
}
