import { existsSync } from "node:fs";
import { resolve } from "node:path";

/** Reference data lives beside the repository, or where `STRAINFLOW_SHARED` says; it is never part of it. */
export const shared: string =
  process.env["STRAINFLOW_SHARED"] ?? resolve(import.meta.dirname, "../../../shared");

export const gwosc = {
  H1: `${shared}/gwosc/H-H1_LOSC_4_V2-1126259446-32.hdf5`,
  L1: `${shared}/gwosc/L-L1_LOSC_4_V2-1126259446-32.hdf5`,
};

const required = process.env["STRAINFLOW_REQUIRE"] === "all";

/** Whether tests on it are to be skipped; where everything is required they run, and fail. */
export const withoutGwosc: boolean = !existsSync(gwosc.H1) && !required;
