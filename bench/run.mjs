// `npm run bench`: all benchmarks, or with `-- --only steps,whole` some of them. A table for people, and with `--json`
// one JSON object per line instead; `--update` makes what was measured the baseline to compare with.
import { parseArgs } from "node:util";
import { readBaseline, updatedBaseline, writeBaseline } from "./baseline.mjs";
import { renderTable } from "./table.mjs";

const benchmarks = {
  steps: { title: "steps, one second of two detectors at a time", file: "./steps.mjs" },
  updates: { title: "updates streamed to a server in a process of its own", file: "./updates.mjs" },
  hdf5: { title: "reading HDF5", file: "./hdf5.mjs" },
  peers: { title: "updates streamed to a real Triton, beside the clients of today", file: "./peers.mjs" },
  server: { title: "the embedded server beside a real Triton, and above the floor", file: "./server.mjs" },
  handlers: { title: "handlers over HTTP", file: "./handlers.mjs" },
  whole: { title: "replay: files in, detections out, as a process", file: "./whole.mjs" },
};

function options() {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      json: { type: "boolean", default: false },
      update: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const names = values.only?.split(",") ?? Object.keys(benchmarks);
  const unknown = names.filter((name) => !Object.hasOwn(benchmarks, name));
  if (unknown.length > 0)
    throw new Error(
      `there is no benchmark ${unknown.join(", ")}; there are ${Object.keys(benchmarks).join(", ")}`,
    );
  return { ...values, names };
}

async function main() {
  const { names, json, update, help } = options();
  if (help) {
    process.stdout.write(
      "npm run bench -- [--only steps,updates,hdf5,peers,server,handlers,whole] [--json] [--update]\n",
    );
    return;
  }
  const tell = (text) => process.stderr.write(`  ${text}\n`);
  const baseline = await readBaseline();
  const all = [];
  for (const name of names) {
    const { title, file } = benchmarks[name];
    const { measure, render = renderTable } = await import(file);
    tell(`${name}: ${title} …`);
    const from = performance.now();
    const lines = await measure({ tell });
    tell(`${name}: ${((performance.now() - from) / 1000).toFixed(0)} s`);
    all.push(...lines);
    if (json) for (const line of lines) process.stdout.write(`${JSON.stringify(line)}\n`);
    else process.stdout.write(`\n${render(lines, baseline)}\n\n`);
  }
  if (update) {
    await writeBaseline(updatedBaseline(baseline, all));
    tell("bench/baseline.json is what was measured now");
  }
  // Benchmarks tell; they do not judge: a goal that is missed on a busy machine must not break a build.
}

await main().catch((error) => {
  process.stderr.write(`✗ ${error.message}\n`);
  process.exitCode = 1;
});
