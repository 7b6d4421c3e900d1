import { basename } from "node:path";

/** The detector in a name: `H1`, `H1:GDS-CALIB_STRAIN`, `H-H1_GWOSC_4KHZ_R1-…`. */
export function ifoIn(name: string): string | undefined {
  return /^(?:[A-Z]-)?([A-Z]\d)(?=$|[:_\-.])/.exec(basename(name))?.[1];
}
