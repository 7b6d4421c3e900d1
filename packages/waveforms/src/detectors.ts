import { gpsToUtc, invalidOption, nsToSeconds, StrainflowError } from "@strainflow/series";
import { SPEED_OF_LIGHT } from "./constants.ts";

type Vector = readonly [number, number, number];

/** An interferometer on the Earth. */
export interface Detector {
  /** The two-character prefix by which the field calls it: `H1`. */
  readonly ifo: string;
  readonly name: string;
  /** Vertex in the Earth-fixed frame (WGS-84, x to Greenwich, z to the north pole), in m. */
  readonly position: Vector;
  /** Unit vectors along the two arms in that frame. */
  readonly arms: readonly [Vector, Vector];
}

/*
 * Sources: H1, L1 and V1, Anderson et al., arXiv:gr-qc/0008066 and LIGO-T010110, with the vertex positions and arm
 * directions of LIGO-P000006 (H1, L1: LIGO-T980044); K1, JGW-G1503824.
 */
const DETECTORS: readonly Detector[] = [
  {
    ifo: "H1",
    name: "LIGO Hanford",
    position: [-2161414.92636, -3834695.17889, 4600350.22664],
    arms: [
      [-0.22389266154, 0.79983062746, 0.55690487831],
      [-0.91397818574, 0.02609403989, -0.40492342125],
    ],
  },
  {
    ifo: "L1",
    name: "LIGO Livingston",
    position: [-74276.0447238, -5496283.71971, 3224257.01744],
    arms: [
      [-0.95457412153, -0.1415807734, -0.26218911324],
      [0.29774156894, -0.48791033647, -0.82054461286],
    ],
  },
  {
    ifo: "V1",
    name: "Virgo",
    position: [4546374.099, 842989.697626, 4378576.96241],
    arms: [
      [-0.70045821479, 0.20848948619, 0.68256166277],
      [-0.05379255368, -0.96908180549, 0.24080451708],
    ],
  },
  {
    ifo: "K1",
    name: "KAGRA",
    position: [-3777336.024, 3484898.411, 3765313.697],
    arms: [
      [-0.375904, -0.8361583, 0.3994189],
      [0.7164378, 0.01114076, 0.697562],
    ],
  },
];

/** Prefixes of the detectors whose geometry is known. */
export const knownIfos: readonly string[] = DETECTORS.map(({ ifo }) => ifo);

/**
 * Geometry of a detector by its prefix: H1, L1, V1 or K1.
 *
 * @throws `unknown-detector`
 */
export function detector(ifo: string): Detector {
  const found = DETECTORS.find((one) => one.ifo === ifo);
  if (found === undefined)
    throw new StrainflowError(
      "unknown-detector",
      `there is no detector ${ifo}; the geometry is known for ${knownIfos.join(", ")}`,
      { details: { ifo } },
    );
  return found;
}

/** Time that light takes straight from one detector to another, in s: 10.01 ms from H1 to L1. */
export function lightTravelTime(a: string, b: string): number {
  const [p, q] = [detector(a).position, detector(b).position];
  return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]) / SPEED_OF_LIGHT;
}

/** Where a source stands, and how its ellipse of polarisation lies; all in rad. */
export interface SkyLocation {
  readonly rightAscension: number;
  readonly declination: number;
  /** Polarisation angle ψ, counted from north through east. */
  readonly polarization: number;
}

/**
 * Response of a detector to the two polarisations, h = F₊h₊ + F×h×, in the long-wavelength limit.
 *
 * Source: Anderson et al., arXiv:gr-qc/0008066, Eqs. (B4)-(B9).
 */
export function antennaPattern(
  ifo: string,
  sky: SkyLocation,
  gpsNs: bigint,
): { readonly plus: number; readonly cross: number } {
  const { arms } = detector(ifo);
  const hour = hourAngle(sky.rightAscension, gpsNs);
  const [sinH, cosH] = [Math.sin(hour), Math.cos(hour)];
  const [sinD, cosD] = [Math.sin(sky.declination), Math.cos(sky.declination)];
  const [sinP, cosP] = [Math.sin(sky.polarization), Math.cos(sky.polarization)];
  const x: Vector = [-cosP * sinH - sinP * cosH * sinD, -cosP * cosH + sinP * sinH * sinD, sinP * cosD];
  const y: Vector = [sinP * sinH - cosP * cosH * sinD, sinP * cosH + cosP * sinH * sinD, cosP * cosD];
  const [ux, uy, vx, vy] = [dot(arms[0], x), dot(arms[0], y), dot(arms[1], x), dot(arms[1], y)];
  return { plus: (ux * ux - uy * uy - vx * vx + vy * vy) / 2, cross: ux * uy - vx * vy };
}

/** Seconds by which a wave reaches the detector later than the centre of the Earth; negative when earlier. */
export function arrivalDelay(
  ifo: string,
  sky: { readonly rightAscension: number; readonly declination: number },
  gpsNs: bigint,
): number {
  const hour = hourAngle(sky.rightAscension, gpsNs);
  const cosD = Math.cos(sky.declination);
  const source: Vector = [cosD * Math.cos(hour), -cosD * Math.sin(hour), Math.sin(sky.declination)];
  return -dot(source, detector(ifo).position) / SPEED_OF_LIGHT;
}

/**
 * Greenwich mean sidereal time in rad, 0 to 2π, with UT1 taken as UTC (a second at most: 15″ on the sky, 10 ns in delay).
 *
 * Source: Aoki et al. 1982, Astron. Astrophys. 105, 359, Eq. (14): the IAU 1982 expression.
 */
export function siderealTime(gpsNs: bigint): number {
  const seconds = nsToSeconds(gpsNs);
  if (!(seconds >= 0)) throw invalidOption("siderealTime", "gpsNs", gpsNs, "at or after the GPS epoch");
  const whole = Math.floor(seconds);
  const utc = gpsToUtc(whole).getTime() / 1000 + (seconds - whole);
  const sinceJ2000 = utc - 946_728_000;
  const centuries = sinceJ2000 / (86_400 * 36_525);
  // The day's turn is taken from the seconds themselves; centuries × 3.15e9 would cost digits.
  const turnSeconds =
    (sinceJ2000 % 86_400) +
    67_310.54841 +
    centuries * (8_640_184.812866 + centuries * (0.093104 - 6.2e-6 * centuries));
  const day = ((turnSeconds % 86_400) + 86_400) % 86_400;
  return (day / 86_400) * 2 * Math.PI;
}

function hourAngle(rightAscension: number, gpsNs: bigint): number {
  return siderealTime(gpsNs) - rightAscension;
}

function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
