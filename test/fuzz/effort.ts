/*
 * How much is tried. `npm test` tries the first of ten shards, `npm run test:fuzz` all ten. A shard is named by the seed
 * and its number, and so is each of its cases: what fails is found again by these names.
 */

export const SEED: string = process.env["STRAINFLOW_FUZZ_SEED"] ?? "strain";
const shards = Number(process.env["STRAINFLOW_FUZZ_SHARDS"] ?? 1);

/** Of a shard, unless told otherwise. */
export const SHARDS: readonly number[] = Array.from({ length: shards }, (_, index) => index);

/** The promises of the server under fire. */
export const MOST_SILENCE_MS = 1000;
export const MOST_GROWTH: number = 64 * 2 ** 20;

/** A folder that all unexplained differences are written to, for one who has to explain them. */
export const REPORT: string | undefined = process.env["STRAINFLOW_FUZZ_REPORT"];
