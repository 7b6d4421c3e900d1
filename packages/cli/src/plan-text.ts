import type { PlanPart, PlanStage, PlanTensor } from "@strainflow/search";
import { formatNs } from "@strainflow/series";
import type { RunPlan } from "./run-plan.ts";
import { tableLines, wrapText } from "./table.ts";
import type { Terminal } from "./terminal.ts";
import { formatBytes, formatRate, formatSeconds } from "./units.ts";

const TYPES: Readonly<Record<string, string>> = { FP64: "float64", FP32: "float32" };

/** `whitened float32 [2, 2048]`, or shorter without the type. */
export function formatTensor({ name, datatype, shape }: PlanTensor, typed = true): string {
  return `${name}${typed ? ` ${TYPES[datatype] ?? datatype.toLowerCase()}` : ""} [${shape
    .map((size) => (size === -1 ? "any" : size))
    .join(", ")}]`;
}

/** Tells a plan to people. */
export function tellPlan(terminal: Terminal, run: RunPlan): void {
  const { plan } = run;
  terminal.say("data", run.input);
  terminal.say("model", `${run.model}, ${plan.facts.templates} templates: ${run.modelSteps.join(" → ")}`);
  terminal.say("server", run.server);
  terminal.line();
  const columns = [
    { head: "stage" },
    { head: "gives" },
    { head: "blocks", numeric: true },
    { head: "waits", numeric: true },
    { head: "so far", numeric: true },
    { head: "remembers", numeric: true },
  ];
  const rows = plan.stages.flatMap((stage) => stageRows(stage, terminal.columns));
  for (const line of tableLines(columns, rows, terminal.columns)) terminal.line(line);
  terminal.line();
  for (const [name, text] of planFacts(run))
    for (const [i, line] of wrapText(text, Math.max(30, terminal.columns - 15)).entries())
      terminal.say(i === 0 ? name : "", line);
  for (const { name, verdict, text } of plan.checks) if (verdict !== "ok") terminal.warn(`${name}: ${text}`);
}

/** A stage's row, and one more for each further output. */
function stageRows(stage: PlanStage, width: number): string[][] {
  const seconds = (value: number | "unbounded"): string =>
    value === 0 ? "–" : typeof value === "number" ? formatSeconds(value) : value;
  const [first = "detections", ...more] = stage.outputs.map((tensor) => formatTensor(tensor, width >= 92));
  return [
    [
      stage.name,
      first,
      stage.blocksPerSecond === 0 ? "–" : formatRate(stage.blocksPerSecond),
      seconds(stage.latencySeconds),
      seconds(stage.latencySoFar),
      seconds(stage.memorySeconds),
    ],
    ...more.map((tensor) => ["", tensor]),
  ];
}

/** The sums of a plan: name and text. */
export function planFacts({
  plan,
  livetime,
  speed,
  writes,
}: RunPlan): readonly (readonly [string, string])[] {
  const { latency, requests, held, checks, settings } = plan;
  const good = checks.filter(({ verdict }) => verdict === "ok").length;
  const facts: (readonly [string, string])[] = [
    [
      "latency",
      `${formatSeconds(latency.seconds)} at most from a signal to its detection, computing not counted: ${parts(latency.parts, formatSeconds)}`,
    ],
    ["memory", `an SNR depends on the last ${formatSeconds(plan.memorySeconds)} of strain`],
    [
      "holds",
      `about ${formatBytes(held.bytes)}, and what the run records: ${parts(held.parts, formatBytes)}`,
    ],
    [
      "requests",
      `${formatRate(requests.perSecond)} of data${requests.total === undefined ? "" : `, ${requests.total} in all`}; ` +
        `${formatBytes(requests.requestBytes)} there and ${formatBytes(requests.responseBytes)} back each, ${settings.maxInFlight} at once`,
    ],
  ];
  if (speed !== undefined) {
    facts.push([
      "speed",
      `${speed.requestMs.toFixed(1)} ms per request (${speed.requests} of zeros): the server takes up to ${speed.timesRealTime.toFixed(speed.timesRealTime < 10 ? 1 : 0)} × real time` +
        (speed.timesRealTime < 1 ? ", too slow for a live stream" : ""),
    ]);
  }
  if (livetime !== undefined) {
    const whole = livetime.searchedSeconds + livetime.gapSeconds;
    const reasons = Object.entries(livetime.byReason).map(
      ([reason, seconds]) => `${reason} ${formatSeconds(seconds)}`,
    );
    const first = livetime.segments.find(({ reason }) => reason === undefined);
    facts.push([
      "searched",
      first === undefined
        ? `nothing: ${formatSeconds(whole)} are too short (${reasons.join(", ")}); shorten psdLength, or give more data`
        : `${formatSeconds(livetime.searchedSeconds)} of ${formatSeconds(whole)} if the data have no gaps, from GPS ${formatNs(first.startNs, 3)} (${reasons.join(", ")})`,
    ]);
  }
  facts.push([
    "writes",
    writes
      .map(({ path, bytes }) => (bytes === undefined ? path : `${path} (${formatBytes(bytes)} unpacked)`))
      .join(", "),
  ]);
  facts.push(["checks", `${good} of ${checks.length} pass`]);
  return facts;
}

/** `filter 1.2 s, update 1 s`, the largest first. */
function parts(list: readonly PlanPart[], format: (value: number) => string): string {
  return list
    .toSorted((a, b) => b.value - a.value)
    .map(({ name, value }) => `${name} ${format(value)}`)
    .join(", ");
}

/** A plan as one JSON object. */
export function planRecord({ plan, livetime, ...run }: RunPlan): Record<string, unknown> {
  const { facts, ...rest } = plan;
  return {
    type: "plan",
    ...run,
    ...rest,
    input: {
      description: run.input,
      rates: facts.rates,
      ...(facts.startNs === undefined ? {} : { startNs: facts.startNs.toString() }),
      ...(facts.endNs === undefined ? {} : { endNs: facts.endNs.toString() }),
    },
    templates: facts.templates,
    ...(livetime === undefined
      ? {}
      : {
          livetime: {
            searchedSeconds: livetime.searchedSeconds,
            gapSeconds: livetime.gapSeconds,
            gapSecondsByReason: livetime.byReason,
            segments: livetime.segments.map(({ startNs, endNs, reason }) => ({
              startNs: startNs.toString(),
              endNs: endNs.toString(),
              ...(reason === undefined ? {} : { reason }),
            })),
          },
        }),
  };
}
