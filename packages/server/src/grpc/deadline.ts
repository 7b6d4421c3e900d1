const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** The longest that a timer waits: 24 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** `grpc-timeout` in milliseconds; infinite where no timer waits that long; `undefined` where it is none. */
export function parseTimeout(text: string): number | undefined {
  const [, count, unit = ""] = /^(\d{1,8}) ?([HMSmun])$/.exec(text) ?? [];
  if (count === undefined) return undefined;
  const ms = Number(count) * (UNIT_MS[unit] ?? 1);
  return ms > LONGEST_MS ? Number.POSITIVE_INFINITY : ms;
}
