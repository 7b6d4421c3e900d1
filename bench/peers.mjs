// Our client beside those that people use today, on one real Triton and one streaming ensemble: hermes, Triton's own Python
// client, and perf_analyzer in C++; updates of three sizes, 1, 8 and 32 under way. By turns, in one run.
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { launch } from "@strainflow/launch";
import { prepareTriton } from "../.config/triton.mjs";
import { absentLine, linesOf, renderPeers } from "./peers/lines.mjs";
import { SIZES, setSequences, streamOf, writeModels } from "./peers/models.mjs";
import { prepareSides } from "./peers/sides.mjs";

export { renderPeers as render };

const ROUNDS = 3;
const SECONDS = 2;
const NETWORKS = [
  { network: "thin", inFlight: [1, 8, 32], goals: true, note: undefined },
  {
    network: "real",
    inFlight: [8],
    goals: false,
    note: "with a network that computes, the server limits all clients alike",
  },
];

export async function measure({ tell }) {
  const triton = prepareTriton();
  const python = process.env.STRAINFLOW_TRITON ?? triton.env.STRAINFLOW_TRITON;
  if (python === undefined) return [absentLine(`there is no real Triton: ${triton.note}`)];
  const sides = prepareSides();
  const absent = {};
  for (const [name, side] of Object.entries(sides))
    if (side.absent !== undefined) absent[name] = `${name} is not here: ${side.absent}`;

  const crowd = whoElse();
  if (crowd !== undefined) tell(crowd);
  const folder = await mkdtemp(join(tmpdir(), "strainflow-peers-"));
  try {
    await writeModels(folder);
    const lines = [];
    for (const { network, inFlight, goals, note } of NETWORKS)
      for (const size of SIZES)
        for (const count of inFlight) {
          const stream = streamOf(size, network);
          const title = `${network === "thin" ? "" : "real network, "}${size.label} × ${count}`;
          await setSequences(folder, stream, count);
          const { rounds, failures } = await again(tell, async () => {
            const server = await startTriton(folder, python, stream.model);
            const options = { address: server.address, ...stream, inFlight: count, seconds: SECONDS };
            return takeTurns(sides, options).finally(() => server.close());
          });
          const all = [note, crowd].filter((words) => words !== undefined).join("; ");
          const notes = { ...absent, ...failures, ...(all === "" ? {} : { all }) };
          lines.push(...linesOf({ title, rounds, goals, notes }));
          tell(`${title}: ${Object.entries(rounds[0]).map(brief).join(", ")}`);
          for (const failure of Object.values(failures)) tell(failure);
        }
    return lines;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What is to be said where others are at work on this machine, before we begin. */
function whoElse() {
  const [load = 0] = loadavg();
  const cores = availableParallelism();
  if (load < cores / 2) return undefined;
  return `the machine was busy with other work (load ${load.toFixed(0)} on ${cores} cores): the ratios of CPU say something, rates and latencies little`;
}

/** Once more, should it fail: on a machine that is short of CPU, this Triton's python backend gives up now and then. */
async function again(tell, work) {
  try {
    return await work();
  } catch (error) {
    tell(`once more, since ${error.message.slice(0, 400)}`);
    return await work();
  }
}

/** With one ensemble loaded. */
const startTriton = (repository, python, model) =>
  launch({
    runtime: "triton",
    repository,
    python,
    httpPort: false,
    readyTimeoutMs: 180_000,
    stopTimeoutMs: 0,
    serverArgs: ["--model-control-mode=explicit", `--load-model=${model}`],
  });

let sequenceId = 1;

/** Each side so many times, in an order that turns from round to round. */
async function takeTurns(sides, options) {
  const names = Object.keys(sides).filter((name) => sides[name].run !== undefined);
  const rounds = [];
  const failures = {};
  for (let r = 0; r < ROUNDS; r++) {
    const first = Math.floor((r * names.length) / ROUNDS);
    const order = [...names.slice(first), ...names.slice(0, first)];
    const round = {};
    for (const name of r % 2 === 0 ? order : order.reverse()) {
      sequenceId += 1000;
      try {
        round[name] = await sides[name].run({ ...options, sequenceId });
      } catch (error) {
        // A peer that fails is told of; if we do, there is nothing to tell.
        if (name.startsWith("ours")) throw error;
        failures[name] = `${name} failed: ${error.message.trim().split("\n").at(-1).slice(0, 300)}`;
      }
    }
    checkAnswers(round);
    rounds.push(round);
  }
  return { rounds, failures };
}

/** The same update of the same stream has one answer, whoever asks. */
function checkAnswers(round) {
  const answers = Object.entries(round).filter(([, { answer }]) => answer !== undefined);
  const [first, ...others] = answers.map(([name, { answer }]) => [name, JSON.stringify(answer)]);
  for (const [name, answer] of others)
    if (answer !== first[1]) throw new Error(`${name} got ${answer}, and ${first[0]} got ${first[1]}`);
}

const brief = ([name, { cpuMicroseconds, updatesPerSecond }]) =>
  `${name} ${Math.round(cpuMicroseconds)} µs ${Math.round(updatesPerSecond)}/s`;
