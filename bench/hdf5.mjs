// Reading strain from HDF5, beside h5py: the same files, warm in the page cache, to float64 samples in memory.
// h5py reads each dataset in one call, its fastest way; ours gives the blocks of one second that a pipeline is fed with,
// every sample looked at.
import { fileURLToPath } from "node:url";
import { ask } from "./child.mjs";
import { measureAlone, measurePairs, outcome } from "./pairs.mjs";
import { pythonWith } from "./python.mjs";
import { strainFiles } from "./strain-files.mjs";

const PAIRS = 5;
const PASSES = 2;
const client = fileURLToPath(new URL("read-hdf5.mjs", import.meta.url));
const peer = fileURLToPath(new URL("read_hdf5.py", import.meta.url));

export async function measure({ tell }) {
  const python = pythonWith("h5py");
  const lines = [];
  for (const storage of ["gzip", "contiguous"]) {
    const options = { paths: await strainFiles({ duration: 512, storage, tell }), passes: PASSES };
    const ours = async () => (await ask(process.execPath, [client], options)).megabytesPerSecond;
    const theirs = async () => (await ask(python, [peer], options)).megabytesPerSecond;
    lines.push(
      outcome({
        name: `hdf5/read ${storage}`,
        unit: "MB/s",
        against: "h5py",
        samples: python ? await measurePairs(PAIRS, ours, theirs) : await measureAlone(PAIRS, ours),
        ...(python ? {} : { note: "h5py is not here: no Python that has it" }),
      }),
    );
  }
  return lines;
}
