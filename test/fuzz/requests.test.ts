import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TWINS, type TwinRepository, writeTwins } from "../conformance/models/write-twins.ts";
import { withoutTriton } from "../support/real-triton.ts";
import { type Asked, FUZZED_MODELS, mutatedAsked } from "./asked.ts";
import { Dice } from "./dice.ts";
import { explained } from "./differences.ts";
import { MOST_GROWTH, MOST_SILENCE_MS, REPORT, SEED, SHARDS } from "./effort.ts";
import { type FuzzedServer, startFuzzedServer } from "./fuzzed-server.ts";
import { grpcCase } from "./grpc-case.ts";
import { httpCase } from "./http-case.ts";
import { type FuzzOutcome, GrpcFuzzer, sendHttp } from "./outcome.ts";
import { RealOpponent } from "./real-opponent.ts";

/** Of each front and shard. */
const CASES = 300;

interface Difference {
  readonly name: string;
  readonly asked: unknown;
  readonly triton: FuzzOutcome;
  readonly embedded: FuzzOutcome;
}

/*
 * The same changed requests to the embedded server and, where there is one, to a real Triton: status and effect have to
 * be the same, or the difference has to be in the table.
 */
describe("changed requests", () => {
  let repository: TwinRepository;
  let server: FuzzedServer;
  let triton: RealOpponent | undefined;
  let grpc: GrpcFuzzer;

  beforeAll(async () => {
    repository = await writeTwins(
      "onnx",
      TWINS.filter(({ name }) => FUZZED_MODELS.includes(name)),
    );
    server = await startFuzzedServer(repository.path, { workers: 2 });
    if (!withoutTriton) triton = await RealOpponent.start();
    grpc = new GrpcFuzzer(server.grpc);
    // What everything needs once: threads, buffers, compiled code.
    await overGrpc("warm-up", 100);
    await overHttp("warm-up", 100);
  }, 120_000);
  afterAll(async () => {
    grpc?.close();
    await server?.stop();
    await triton?.stop();
    await repository?.remove();
  });

  let place = 0;
  async function compare(
    name: string,
    asked: unknown,
    send: (to: "embedded" | "triton") => Promise<FuzzOutcome> | undefined,
  ): Promise<Difference | undefined> {
    const [embedded, other] = await Promise.all([send("embedded"), send("triton")]);
    server.checkAlive();
    if (embedded === undefined) throw new Error("the embedded server was not asked");
    if (["nothing", "DEADLINE_EXCEEDED", "UNAVAILABLE"].includes(embedded.status))
      return { name, asked, embedded, triton: other ?? embedded };
    if (other === undefined) return undefined;
    const same = embedded.status === other.status && isDeepStrictEqual(embedded.effect, other.effect);
    return same || explained(embedded, other) ? undefined : { name, asked, embedded, triton: other };
  }

  async function overGrpc(shard: string, count: number): Promise<Difference[]> {
    const differences: Difference[] = [];
    for (let index = 0; index < count; index++) {
      const name = `${SEED}/grpc/${shard}/${index}`;
      const dice = new Dice(name);
      const asked = mutatedAsked(dice, place++);
      const bytes = grpcCase(asked, dice);
      const found = await compare(name, asked, (to) =>
        to === "embedded" ? grpc.send(bytes) : triton?.grpc(bytes),
      );
      if (found !== undefined) differences.push(found);
    }
    return differences;
  }

  async function overHttp(shard: string, count: number): Promise<Difference[]> {
    const differences: Difference[] = [];
    for (let index = 0; index < count; index++) {
      const name = `${SEED}/http/${shard}/${index}`;
      const dice = new Dice(name);
      const asked = mutatedAsked(dice, place++);
      const one = httpCase(asked, dice);
      const found = await compare(name, shown(one), (to) =>
        to === "embedded" ? sendHttp(server.http, one) : isLethal(asked) ? undefined : triton?.http(one),
      );
      if (found !== undefined) differences.push(found);
    }
    return differences;
  }

  describe.each(SHARDS.map(String))("shard %s", (shard) => {
    it.each([
      ["gRPC", overGrpc],
      ["HTTP", overHttp],
    ] as const)(
      `${CASES} over %s: no difference that is not explained, no death, no silence, no growth`,
      async (front, fuzz) => {
        const before = server.memory();
        await server.longestSilenceMs();
        const differences = await fuzz(shard, CASES);
        if (REPORT !== undefined)
          writeFileSync(join(REPORT, `${front}-${shard}.json`), JSON.stringify(differences, plainNumbers, 1));
        expect(differences.slice(0, 5)).toEqual([]);
        expect(await server.longestSilenceMs()).toBeLessThan(MOST_SILENCE_MS);
        expect((await server.settledMemory(before + MOST_GROWTH)) - before).toBeLessThan(MOST_GROWTH);
      },
      300_000,
    );
  });
});

/** What a real Triton dies of, which takes ten seconds each time: only ours is asked. The table of differences has it. */
function isLethal({ inputs }: Asked): boolean {
  return inputs.some(
    ({ shape }) => shape.reduce<number>((product, size) => product * Math.abs(Number(size)), 1) > 2 ** 26,
  );
}

function shown({ path, request }: ReturnType<typeof httpCase>): unknown {
  const { body, headers } = request;
  const text = body instanceof Uint8Array ? Buffer.from(body).toString("utf8").slice(0, 600) : body;
  return { path, headers, body: text };
}

const plainNumbers = (_: string, value: unknown): unknown =>
  typeof value === "bigint" ? String(value) : value;
