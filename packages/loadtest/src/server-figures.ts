import type { ModelStatistics } from "@strainflow/proto";
import type { TritonClient } from "@strainflow/triton";

/** What a server says of one model between two questions. Times are means per request, in microseconds. */
export interface ModelFigures {
  readonly model: string;
  readonly version: string;
  /** Requests answered. */
  readonly requests: number;
  readonly failures: number;
  readonly inferences: number;
  readonly executions: number;
  /** Inferences per execution; 0 where there was none. */
  readonly batchSize: number;
  readonly requestUs: number;
  readonly queueUs: number;
  readonly computeInputUs: number;
  readonly computeInferUs: number;
  readonly computeOutputUs: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
}

/** The server's own breakdown: of the model, and of the steps where it is an ensemble. */
export interface ServerFigures extends ModelFigures {
  readonly steps: readonly ModelFigures[];
}

/** Asks a server for the counters of some models: the first is the one under load. Nothing where it does not tell. */
export async function readCounters(
  client: TritonClient,
  models: readonly string[],
): Promise<readonly ModelStatistics[] | undefined> {
  try {
    const all = await Promise.all(models.map((name) => client.statistics(name)));
    return all.flat();
  } catch {
    return undefined;
  }
}

/** From counters before and after. */
export function serverFigures(
  name: string,
  before: readonly ModelStatistics[] | undefined,
  after: readonly ModelStatistics[] | undefined,
): ServerFigures | undefined {
  if (before === undefined || after === undefined) return undefined;
  const grown = after.map((now) =>
    figuresOf(
      now,
      before.find((then) => sameModel(then, now)),
    ),
  );
  const own = grown.filter(({ model }) => model === name);
  // Of several versions, the one that was asked.
  const busiest = own.reduce<ModelFigures | undefined>(
    (best, each) => (best === undefined || each.requests > best.requests ? each : best),
    undefined,
  );
  if (busiest === undefined) return undefined;
  return { ...busiest, steps: grown.filter(({ model, requests }) => model !== name && requests > 0) };
}

function sameModel(a: ModelStatistics, b: ModelStatistics): boolean {
  return a.name === b.name && a.version === b.version;
}

function figuresOf(now: ModelStatistics, then: ModelStatistics | undefined): ModelFigures {
  const mine = now.inferenceStats;
  const old = then?.inferenceStats;
  const growth = (a: bigint | undefined, b: bigint | undefined): number => Number((a ?? 0n) - (b ?? 0n));
  const requests = growth(mine?.success?.count, old?.success?.count);
  const meanUs = (a: bigint | undefined, b: bigint | undefined): number =>
    requests > 0 ? growth(a, b) / requests / 1000 : 0;
  const inferences = growth(now.inferenceCount, then?.inferenceCount);
  const executions = growth(now.executionCount, then?.executionCount);
  return {
    model: now.name,
    version: now.version,
    requests,
    failures: growth(mine?.fail?.count, old?.fail?.count),
    inferences,
    executions,
    batchSize: executions > 0 ? inferences / executions : 0,
    requestUs: meanUs(mine?.success?.ns, old?.success?.ns),
    queueUs: meanUs(mine?.queue?.ns, old?.queue?.ns),
    computeInputUs: meanUs(mine?.computeInput?.ns, old?.computeInput?.ns),
    computeInferUs: meanUs(mine?.computeInfer?.ns, old?.computeInfer?.ns),
    computeOutputUs: meanUs(mine?.computeOutput?.ns, old?.computeOutput?.ns),
    cacheHits: growth(mine?.cacheHit?.count, old?.cacheHit?.count),
    cacheMisses: growth(mine?.cacheMiss?.count, old?.cacheMiss?.count),
  };
}
