// Our side of `hdf5.mjs`: reads all samples of all files, once to warm up and then a few times.
import { openHdf5 } from "@strainflow/hdf5";

const { paths, passes } = JSON.parse(process.argv[2]);

async function pass() {
  let bytes = 0;
  const { readers } = await openHdf5(paths);
  for (const reader of readers.values())
    for await (const block of reader.blocks({ signal: new AbortController().signal }))
      for (const samples of block.data) bytes += samples.byteLength;
  return bytes;
}

await pass();
const from = performance.now();
let bytes = 0;
for (let i = 0; i < passes; i++) bytes += await pass();
const seconds = (performance.now() - from) / 1000;
process.stdout.write(`${JSON.stringify({ megabytesPerSecond: bytes / seconds / 1e6, bytes })}\n`);
