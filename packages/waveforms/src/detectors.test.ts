import { isStrainflowError } from "@strainflow/series";
import { describe, expect, it } from "vitest";
import {
  antennaPattern,
  arrivalDelay,
  detector,
  knownIfos,
  lightTravelTime,
  siderealTime,
} from "./detectors.ts";

const GW150914 = 1_126_259_462_000_000_000n;
const sky = { rightAscension: 1.95, declination: -1.27, polarization: 0.82 };

describe("detectors", () => {
  it.each(knownIfos)("%s stands on the Earth, with two arms of unit length at right angles", (ifo) => {
    const { position, arms } = detector(ifo);
    expect(Math.hypot(...position)).toBeGreaterThan(6.35e6);
    expect(Math.hypot(...position)).toBeLessThan(6.39e6);
    expect(Math.hypot(...arms[0])).toBeCloseTo(1, 6);
    expect(Math.hypot(...arms[1])).toBeCloseTo(1, 6);
    const [u, v] = arms;
    // The arms are horizontal at their own ends, or not quite square: by less than a part in 500.
    expect(Math.abs(u[0] * v[0] + u[1] * v[1] + u[2] * v[2])).toBeLessThan(2e-3);
  });

  it("light travels in 10.0, 27.3 and 26.4 ms between H1, L1 and V1, both ways", () => {
    expect(lightTravelTime("H1", "L1")).toBeCloseTo(0.010013, 6);
    expect(lightTravelTime("L1", "H1")).toBe(lightTravelTime("H1", "L1"));
    expect(lightTravelTime("H1", "V1")).toBeCloseTo(0.027288, 6);
    expect(lightTravelTime("L1", "V1")).toBeCloseTo(0.026448, 6);
    expect(lightTravelTime("H1", "H1")).toBe(0);
  });

  // Numbers of lal 7.7.1: GreenwichMeanSiderealTime, ComputeDetAMResponse, TimeDelayFromEarthCenter.
  it.each([
    [GW150914, 2.4565038851564722],
    [1_000_000_000_000_000_000n, 0.3368773437160115],
    [1_300_000_000_000_000_000n, 4.9161704195568845],
  ])("sidereal time at %s ns agrees with LAL", (gpsNs, expected) => {
    expect(siderealTime(gpsNs)).toBeCloseTo(expected, 8);
  });

  it.each([
    ["H1", 0.5787201330130713, -0.4509841092411145, 0.01468552699982214],
    ["L1", -0.5274236735397552, 0.20524194093927778, 0.00770112299270152],
    ["V1", -0.46396775160416864, 0.40403841690250125, 0.01042476502183439],
    ["K1", 0.41463627528969815, -0.6852508654335854, 0.01693100085548476],
  ])("antenna pattern and delay of %s agree with LAL", (ifo, plus, cross, delay) => {
    const pattern = antennaPattern(ifo, sky, GW150914);
    expect(pattern.plus).toBeCloseTo(plus, 5);
    expect(pattern.cross).toBeCloseTo(cross, 5);
    expect(arrivalDelay(ifo, sky, GW150914)).toBeCloseTo(delay, 9);
  });

  it("turns into minus itself when the polarisation turns by 90°", () => {
    const turned = { ...sky, polarization: sky.polarization + Math.PI / 2 };
    const [a, b] = [antennaPattern("L1", sky, GW150914), antennaPattern("L1", turned, GW150914)];
    expect(b.plus).toBeCloseTo(-a.plus, 12);
    expect(b.cross).toBeCloseTo(-a.cross, 12);
  });

  it("names the detectors that it knows when asked for another", () => {
    try {
      detector("X9");
      expect.unreachable();
    } catch (error) {
      expect(isStrainflowError(error, "unknown-detector")).toBe(true);
      expect(String(error)).toContain("H1, L1, V1, K1");
    }
  });
});
