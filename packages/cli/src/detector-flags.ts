import type { Command } from "commander";
import { DETECTOR, type DetectorShape, detectorShape } from "./detector.ts";
import { flagValue } from "./flag-values.ts";

/** The built-in detector's shape, as flags. */
export interface DetectorFlags {
  readonly ifos: string[];
  readonly sampleRate?: number;
  readonly outputsPerSecond?: number;
  readonly batchSize?: number;
  readonly templates?: number;
}

/** Adds the flags that say how the built-in detector is made. */
export function addDetectorFlags(command: Command): Command {
  return command
    .option("--ifos <names>", "detectors that it takes, by commas", flagValue.list, ["H1", "L1"])
    .option("--sample-rate <Hz>", "rate of its stream (default: 2048)", flagValue.whole(1))
    .option("--outputs-per-second <n>", "its outputs; divides the rate (default: 16)", flagValue.whole(1))
    .option("--batch-size <n>", "outputs per request (default: one second's)", flagValue.whole(1))
    .option("--templates <n>", "templates of its bank (default: 32)", flagValue.whole(1));
}

/** @throws `settings-invalid` where rates do not divide */
export function shapeOfFlags({ ifos, ...flags }: DetectorFlags): DetectorShape {
  const { sampleRate, outputsPerSecond, batchSize, templates } = flags;
  return detectorShape({ sampleRate, outputsPerSecond, batchSize, templates }, ifos);
}

/** `matched-filter-stream: H1 L1, 2048 Hz, 16 outputs/s, 16 per request, 32 templates` */
export function describeShape(shape: DetectorShape): string {
  return (
    `${DETECTOR}: ${shape.ifos.join(" ")}, ${shape.sampleRate} Hz, ${shape.outputsPerSecond} outputs/s, ` +
    `${shape.batchSize} per request, ${shape.templates} templates`
  );
}
