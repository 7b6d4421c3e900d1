// Simulated strain in GWOSC's layout, 4096 Hz, two detectors: the same bytes for the same seed. Kept between runs.
import { existsSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createHdf5Writer } from "@strainflow/hdf5";
import { advancedLigoDesign, drawInjections, simulateStrain } from "@strainflow/waveforms";
import h5wasm from "h5wasm/node";

export const IFOS = ["H1", "L1"];
export const SAMPLE_RATE = 4096;
export const START = 1_000_000_000;
const SEED = 20150914;
/** Seconds per file. */
const FILE_LENGTH = 512;
const folder = fileURLToPath(new URL("../.cache/bench/strain/", import.meta.url));

/**
 * Paths of files that cover `duration` s (a multiple of 512) from {@link START} on, made where they are not there yet.
 *
 * @param storage "gzip", chunk by chunk as GWOSC publishes; or "contiguous", the same without chunks or compression
 */
export async function strainFiles({ duration, storage = "gzip", tell }) {
  await mkdir(folder, { recursive: true });
  const paths = [];
  for (let start = START; start < START + duration; start += FILE_LENGTH)
    for (const ifo of IFOS) {
      const path = pathOf(ifo, start, storage);
      if (!existsSync(path)) {
        tell(`simulating ${ifo}, GPS ${start} + ${FILE_LENGTH} s, ${storage}`);
        if (storage === "gzip") await simulate(path, ifo, start);
        else await unpack((await strainFiles({ duration: FILE_LENGTH, tell }))[IFOS.indexOf(ifo)], path);
      }
      paths.push(path);
    }
  return paths;
}

function pathOf(ifo, start, storage) {
  return join(folder, `${ifo[0]}-${ifo}_SIM-${storage}_4_V1-${start}-${FILE_LENGTH}.hdf5`);
}

async function simulate(path, ifo, start) {
  const end = start + FILE_LENGTH;
  const psd = advancedLigoDesign;
  const injections = drawInjections({
    seed: `${SEED}/${start}`,
    count: 4,
    start: start + 16,
    end: end - 16,
    ifos: IFOS,
    psd,
  });
  const strain = simulateStrain({
    ifos: [ifo],
    sampleRate: SAMPLE_RATE,
    start,
    end,
    psd,
    seed: SEED,
    injections,
  });
  const writer = createHdf5Writer(path, { layout: "gwosc" });
  try {
    for await (const block of strain.blocks({ signal: new AbortController().signal }))
      await writer.write(block);
    await writer.close();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** Writes a file once more, with every dataset in one piece. Our writer, which appends, cannot. */
async function unpack(from, to) {
  await h5wasm.ready;
  const source = new h5wasm.File(from, "r");
  const target = new h5wasm.File(`${to}.part`, "w");
  try {
    copyGroup(source, target);
  } finally {
    target.close();
    source.close();
  }
  await rename(`${to}.part`, to);
}

function copyGroup(from, to) {
  copyAttributes(from, to);
  for (const name of from.keys()) {
    const entry = from.get(name);
    if (entry.type === "Group") copyGroup(entry, to.create_group(name));
    else copyAttributes(entry, to.create_dataset({ ...plain(entry), name }));
  }
}

function copyAttributes(from, to) {
  for (const [name, attribute] of Object.entries(from.attrs)) {
    const { data, shape, dtype } = plain(attribute);
    to.create_attribute(name, data, shape, dtype);
  }
}

/** A value of h5wasm's, in the form in which it takes one: a single integer comes as a bigint, which it would not know. */
function plain({ value, shape, dtype }) {
  return { data: typeof value === "bigint" ? BigInt64Array.of(value) : value, shape, dtype };
}
