/**
 * Nanoseconds on a clock that only goes forward and is the same in all threads of a process (and, on Linux, the one
 * that Triton's traces give).
 */
export function nowNs(): number {
  const [seconds, ns] = process.hrtime();
  return seconds * 1e9 + ns;
}
