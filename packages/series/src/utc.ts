/*
 * Leap seconds since the GPS epoch, as GPS seconds at which each took effect.
 * Source: IERS Bulletin C (the list has not grown since 2017-01-01).
 */
const LEAP_SECONDS = [
  46828800, 78364801, 109900802, 173059203, 252028804, 315187205, 346723206, 393984007, 425520008, 457056009,
  504489610, 551750411, 599184012, 820108813, 914803214, 1025136015, 1119744016, 1167264017,
] as const;

const GPS_EPOCH_UNIX_MS = 315_964_800_000;

/** The UTC instant of a GPS time in seconds. During a leap second the next second's label is given. */
export function gpsToUtc(gpsSeconds: number): Date {
  const leaps = LEAP_SECONDS.filter((at) => gpsSeconds >= at).length;
  return new Date(GPS_EPOCH_UNIX_MS + (gpsSeconds - leaps) * 1000);
}

/** GPS seconds of a UTC instant. */
export function utcToGps(utc: Date): number {
  const withoutLeaps = (utc.getTime() - GPS_EPOCH_UNIX_MS) / 1000;
  let leaps = 0;
  for (const at of LEAP_SECONDS) if (withoutLeaps + leaps + 1 > at) leaps++;
  return withoutLeaps + leaps;
}
