// The whole: `strainflow replay` as people run it, a process that reads files, conditions, streams to a server of its
// own, ranks, clusters and writes its report; beside the network alone, fed with one tensor again and again on the same
// cores. What the ratio leaves to 1 is the price of everything that is not the network.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildMatchedFilter } from "@strainflow/repository";
import { createTemplateBank } from "@strainflow/waveforms";
import { ask, runProcess } from "./child.mjs";
import { measurePairs, median, outcome } from "./pairs.mjs";
import { IFOS, strainFiles } from "./strain-files.mjs";

/** Durations in seconds, and how often each is measured. What a start costs is the same in all of them. */
const RUNS = [
  { duration: 512, pairs: 3 },
  { duration: 2048, pairs: 3 },
  { duration: 8192, pairs: 3 },
];
const GOAL = 0.6;
const SAMPLE_RATE = 2048;
const OUTPUTS = 16;
const TEMPLATES = 32;
/** Seconds of data that the network may take at once: a live search's, and an archive's. */
const LENGTHS = [1, 4];
const BARE_SECONDS = 2;
const command = fileURLToPath(new URL("../packages/cli/bin/strainflow.js", import.meta.url));
const bareClient = fileURLToPath(new URL("bare-network.mjs", import.meta.url));

/** The network that `replay` serves, in the folder, for so many seconds at once. */
async function writeNetwork(folder, length) {
  const strideSize = SAMPLE_RATE / OUTPUTS;
  const bank = createTemplateBank({ count: TEMPLATES, sampleRate: SAMPLE_RATE, strideSize });
  const model = buildMatchedFilter({ bank, channels: IFOS, strideSize, batchSize: OUTPUTS * length });
  const path = join(folder, `model-${length}.onnx`);
  await writeFile(path, model.files["1/model.onnx"]);
  const inputs = Object.fromEntries(model.config.input.map(({ name, dims }) => [name, dims.map(Number)]));
  return { path, inputs, length };
}

/** Seconds of data per second, and CPU ms for one of them. */
async function bare({ network, sessions, threads }, seconds = BARE_SECONDS) {
  const options = { ...network, sessions, threads, seconds };
  const { runsPerSecond, cpuMillisecondsPerRun } = await ask(process.execPath, [bareClient], options);
  return { rate: runsPerSecond * network.length, cpu: cpuMillisecondsPerRun / network.length };
}

/** The fastest way in which this machine runs the network: threads inside a run or runs side by side, long or short. */
async function bestForm(networks, tell) {
  const cores = availableParallelism();
  const ways = [
    { sessions: 1, threads: 1 },
    { sessions: 1, threads: cores },
    { sessions: cores, threads: 1 },
  ].slice(0, cores > 1 ? 3 : 1);
  const forms = networks.flatMap((network) => ways.map((way) => ({ network, ...way })));
  const rates = forms.map(() => []);
  for (let round = 0; round < 3; round++)
    for (const [i, form] of forms.entries()) rates[i].push((await bare(form, 1)).rate);
  const medians = rates.map(median);
  for (const [i, form] of forms.entries()) tell(`${nameOf(form)}: ${medians[i].toFixed(0)} × real time`);
  return forms[medians.indexOf(Math.max(...medians))];
}

function nameOf({ network, sessions, threads }) {
  return `network alone, ${sessions} × ${threads} threads, ${network.length} s at once`;
}

/** One run of the command: data seconds per second, of the process and of its search alone, and CPU ms per data second. */
async function replay(paths, duration, folder) {
  const args = [command, "replay", ...paths, "--templates", String(TEMPLATES), "--json", "--quiet"];
  const { output, seconds, cpuSeconds } = await runProcess(process.execPath, [
    ...args,
    "--out",
    join(folder, "out"),
  ]);
  const summary = output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .find(({ type }) => type === "summary");
  return {
    process: duration / seconds,
    search: duration / summary.elapsedSeconds,
    cpu: (cpuSeconds * 1000) / duration,
  };
}

export async function measure({ tell }) {
  const folder = await mkdtemp(join(tmpdir(), "strainflow-bench-"));
  try {
    const networks = [];
    for (const length of LENGTHS) networks.push(await writeNetwork(folder, length));
    const form = await bestForm(networks, tell);
    const against = nameOf(form);
    const lines = [];
    for (const { duration, pairs } of RUNS) {
      const paths = await strainFiles({ duration, tell });
      const samples = await measurePairs(
        pairs,
        () => replay(paths, duration, folder),
        () => bare(form),
      );
      const line = (name, ours, theirs, more) =>
        outcome({
          name: `whole/${name} ${duration} s`,
          unit: "× real time",
          against,
          samples: samples.map((pair) => ({ ours: pair.ours[ours], theirs: pair.theirs[theirs] })),
          ...more,
        });
      lines.push(
        line("process", "process", "rate", { goal: GOAL, note: "from the command's start to its end" }),
        line("search", "search", "rate", { goal: GOAL, note: "first block to last, server and model ready" }),
        line("CPU", "cpu", "cpu", {
          unit: "ms per s of data",
          cost: true,
          note: "all threads and processes; a bound of the others where all cores are busy",
        }),
      );
    }
    return lines;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
