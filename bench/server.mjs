// Our server beside the real Triton, in one run and by turns: the streamed snapshotter → network → averager, and requests
// by themselves with dynamic batching. And against the floor: what a request costs beyond the bare run of its model.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch } from "@strainflow/launch";
import { prepareTriton } from "../.config/triton.mjs";
import { ask } from "./child.mjs";
import { outcome } from "./pairs.mjs";
import { ANSWERED_SIZE, ASKED_SIZE, repeatGraph, streamOf, writeModels } from "./server/models.mjs";

const ROUNDS = 3;
const SECONDS = 2.5;
/** V8 has compiled what requests need after some ten thousand of them: a server that runs for days is measured. */
const WARM_UP = { least: 12_000, longestSeconds: 6 };
const TRITON = "Triton (python backend)";
/** µs of the server's CPU for an answer of 16 KB, beyond what its model takes. */
const FLOOR_GOAL = 120;

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const singles = { askedSize: ASKED_SIZE, answeredSize: ANSWERED_SIZE };
const streamed = (label, network, inFlight) => ({
  title: `ensemble, ${network} network, ${label} × ${inFlight}`,
  kind: "streamed",
  inFlight,
  ...streamOf(label, network),
});
const CASES = [
  streamed("1 KB", "thin", 1),
  streamed("1 KB", "thin", 8),
  streamed("64 KB", "thin", 8),
  streamed("64 KB", "real", 8),
  ...[1, 8, 32].map((inFlight) => ({
    title: `unary, dynamic batching × ${inFlight}`,
    kind: "unary",
    model: "batched",
    inFlight,
    ...singles,
  })),
];
const FLOOR = ["streamed", "unary"].flatMap((kind) =>
  [1, 8, 32].map((inFlight) => ({
    title: `${kind} × ${inFlight}`,
    kind: kind === "unary" ? "unary" : "single",
    model: "single",
    inFlight,
    ...singles,
  })),
);

const METRICS = [
  { key: "perSecond", name: "throughput", unit: "requests/s", goal: 1.5 },
  { key: "cpuMicroseconds", name: "server CPU", unit: "µs/request", goal: 1, cost: true },
  { key: "p50Ms", name: "p50", unit: "ms", cost: true },
  { key: "p99Ms", name: "p99", unit: "ms", goal: 1, cost: true },
];

let sequenceId = 1;

/** One server under one load, for a while. */
function load(server, work) {
  sequenceId += 10;
  const times = { warmUp: WARM_UP, seconds: SECONDS };
  const options = { ...work, ...times, address: server.address, pid: server.pid, sequenceId };
  return ask(process.execPath, [file("server/load.mjs")], options);
}

/** @returns lines of the table */
export async function measure({ tell }) {
  const triton = prepareTriton();
  const python = process.env.STRAINFLOW_TRITON ?? triton.env.STRAINFLOW_TRITON;
  const [busy] = loadavg();
  const notes = [busy < 1 ? undefined : `load ${busy.toFixed(0)} when it began`];
  const folder = await mkdtemp(join(tmpdir(), "strainflow-server-"));
  const open = [];
  const started = async (options) => {
    const server = await launch({ httpPort: false, readyTimeoutMs: 180_000, stopTimeoutMs: 0, ...options });
    open.push(server);
    return server;
  };
  try {
    const [own, other] = [join(folder, "onnx"), join(folder, "python")];
    await writeModels(own, "onnx");
    await writeModels(other, "python");
    const ours = await started({ runtime: "embedded", repository: own });
    const theirs =
      python === undefined ? undefined : await started({ runtime: "triton", repository: other, python });
    if (theirs === undefined) notes.push(`there is no real Triton: ${triton.note}`);
    const said = notes.filter((note) => note !== undefined).join("; ");
    const note = said === "" ? {} : { note: said };
    const lines = [];
    for (const work of CASES) lines.push(...(await besideTriton({ work, ours, theirs, note, tell })));
    return [...lines, ...(await aboveFloor({ folder, ours, note, tell }))];
  } finally {
    for (const server of open) await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function besideTriton({ work, ours, theirs, note, tell }) {
  const rounds = [];
  for (let r = 0; r < ROUNDS; r++) {
    const round = {};
    for (const side of r % 2 === 0 ? ["ours", "theirs"] : ["theirs", "ours"]) {
      const server = side === "ours" ? ours : theirs;
      if (server !== undefined) round[side] = await load(server, work);
    }
    if (round.theirs !== undefined) checkSame(work, round);
    rounds.push(round);
  }
  const brief = ({ perSecond, cpuMicroseconds, clientMicroseconds, p99Ms }) =>
    `${perSecond.toFixed(0)}/s ${cpuMicroseconds.toFixed(0)} µs (client ${clientMicroseconds.toFixed(0)}) p99 ${p99Ms.toFixed(1)} ms`;
  const sides = Object.entries(rounds.at(-1)).map(([side, result]) => `${side} ${brief(result)}`);
  tell(`${work.title}: ${sides.join("; ")}`);
  return METRICS.map(({ key, name, unit, goal, cost }) =>
    outcome({
      name: `server/${work.title}, ${name}`,
      unit,
      against: TRITON,
      samples: rounds.map((round) => ({
        ours: round.ours[key],
        ...(round.theirs === undefined ? {} : { theirs: round.theirs[key] }),
      })),
      goal: goal ?? null,
      cost: cost ?? false,
      ...note,
    }),
  );
}

/** The same request has the same answer on both; of a network that computes, but for the last digits. */
function checkSame({ title }, { ours, theirs }) {
  const near = (a, b) => Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(a));
  if (
    ours.answer?.length !== theirs.answer?.length ||
    !ours.answer.every((value, i) => near(value, theirs.answer[i]))
  )
    throw new Error(`${title}: our server answered ${ours.answer}, and Triton ${theirs.answer}`);
}

async function aboveFloor({ folder, ours, note, tell }) {
  const path = join(folder, "bare.onnx");
  await writeFile(path, repeatGraph());
  const lines = [];
  for (const work of FLOOR) {
    const samples = [];
    const ways = [];
    for (let r = 0; r < ROUNDS; r++) {
      const bare = await ask(process.execPath, [file("server/bare-run.mjs")], {
        path,
        size: ASKED_SIZE,
        seconds: 1,
      });
      const { cpuMicroseconds } = await load(ours, work);
      samples.push({ ours: cpuMicroseconds - bare.cpuMicroseconds, theirs: FLOOR_GOAL });
      const way = await bareServer(path, work.inFlight);
      ways.push({ ours: cpuMicroseconds, theirs: way.cpuMicroseconds });
    }
    tell(
      `beyond the bare run, ${work.title}: ${samples.map((sample) => sample.ours.toFixed(0)).join(", ")} µs`,
    );
    lines.push(
      outcome({
        name: `server/beyond session.run, 16 KB answers, ${work.title}, server CPU`,
        unit: "µs/request",
        against: `${FLOOR_GOAL} µs`,
        samples,
        goal: 1,
        cost: true,
        ...note,
      }),
      outcome({
        name: `server/16 KB answers, ${work.title}, server CPU`,
        unit: "µs/request",
        against: "socket, thread and run alone",
        samples: ways,
        goal: null,
        cost: true,
        ...note,
      }),
    );
  }
  return lines;
}

/** The same model behind a socket and a thread, and nothing else: what the machine takes for the way. */
async function bareServer(path, inFlight) {
  const sizes = { asked: 4 * ASKED_SIZE, answered: 4 * ANSWERED_SIZE };
  const child = spawn(
    process.execPath,
    [file("server/bare-server.mjs"), JSON.stringify({ path, ...sizes })],
    {
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  try {
    const [line] = await once(child.stdout, "data");
    const { port } = JSON.parse(line.toString());
    const times = { warmUp: WARM_UP, seconds: SECONDS };
    const options = { ...sizes, ...times, port, pid: child.pid, inFlight };
    return await ask(process.execPath, [file("server/bare-load.mjs")], options);
  } finally {
    child.stdin.end();
    await once(child, "close");
  }
}
