import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clone, fromBinary } from "@bufbuild/protobuf";
import { openHdf5 } from "@strainflow/hdf5";
import { fromReader } from "@strainflow/operators";
import { type ModelInferRequest, ModelInferRequestSchema } from "@strainflow/proto";
import { buildAframeEnsemble, createRepository } from "@strainflow/repository";
import { aframeSearch } from "@strainflow/search";
import { type Block, endOf, nsToIndex, sliceBlock } from "@strainflow/series";
import { connect, type TransportName } from "@strainflow/triton";
import { concatMap, lastValueFrom, type Observable, of, toArray } from "rxjs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { expectAsRecorded, searchRun } from "./support/aframe-outcome.ts";
import { type AframeRun, postprocessing, readAframeRun, settings } from "./support/aframe-run.ts";
import { contentsOf, recordedRequests, sequenceOf, withoutAframeWire } from "./support/aframe-wire.ts";
import { describeTriton, type RealTriton, startRealTriton } from "./support/real-triton.ts";
import { messagesOf, type RecordingProxy, startRecordingProxy } from "./support/recording-proxy.ts";

const transports: readonly TransportName[] = ["frames", "grpc-js"];

const INFER = "/inference.GRPCInferenceService/ModelStreamInfer";

/** What our client said in its one call to a model. */
function requestsOf({ calls }: RecordingProxy): ModelInferRequest[] {
  const streams = calls.filter(({ path }) => path === INFER);
  expect(streams).toHaveLength(1);
  return streams.flatMap(messagesOf).map((message) => fromBinary(ModelInferRequestSchema, message));
}

/**
 * What hermes' client sent, as ours says it. On purpose,
 * - the ids are ours: a sequence's is random, so that a second run, or a restart, is never taken for the first;
 * - the version is left to the server's policy unless one is asked for; hermes looks it up and pins it;
 * - there is no `timeout`: hermes means 60 s, the server reads 60 µs, and ours is an option of another name;
 * - the output is named: another one that the ensemble may have is not sent for nothing.
 */
function asOurs(recorded: ModelInferRequest, ours: ModelInferRequest): ModelInferRequest {
  const { timeout, ...parameters } = clone(ModelInferRequestSchema, recorded).parameters;
  expect(timeout?.parameterChoice).toEqual({ case: "int64Param", value: 60n });
  expect(recorded.modelVersion).toBe("1");
  const number = recorded.id.split("_")[0];
  const id = sequenceOf(ours) ?? 0n;
  expect(id).toBeGreaterThan(0n);
  return {
    ...recorded,
    modelVersion: "",
    id: `${number}_${id}`,
    parameters: {
      ...parameters,
      sequence_id: { ...parameters["sequence_id"]!, parameterChoice: { case: "int64Param", value: id } },
    },
    outputs: ours.outputs,
    rawInputContents: [],
  };
}

/** Every request of the record is ours, by all its fields and its tensor's bytes. */
function expectRecorded(run: string, requests: readonly ModelInferRequest[]): void {
  const recorded = recordedRequests(run);
  expect(recorded.length).toBeGreaterThanOrEqual(3);
  recorded.forEach(({ message, contents }, i) => {
    const { rawInputContents, ...ours } = requests[i]!;
    expect({ ...ours, rawInputContents: [] }).toEqual(asOurs(message, requests[i]!));
    expect(ours.outputs.map(({ name }) => name)).toEqual(["discriminator"]);
    expect(rawInputContents.map(contentsOf)).toEqual(contents);
  });
}

/** The first seconds of a run, its detectors slid against each other. */
async function slid(run: AframeRun, seconds: number): Promise<Observable<Block<"strain">>> {
  const { sampleRate } = settings;
  const ifos: readonly string[] = settings.channels;
  const start = nsToIndex(run.startNs, sampleRate);
  const end = start + seconds * sampleRate;
  const { readers } = await openHdf5(run.background);
  return fromReader(readers.values()).pipe(
    concatMap((block) => {
      const [channel = ""] = block.channels;
      const shift = run.shifts[ifos.indexOf(channel)] ?? 0;
      const moved = { ...block, start: block.start - shift * sampleRate };
      const [from, to] = [Math.max(moved.start, start), Math.min(endOf(moved), end)];
      return from < to ? of(sliceBlock(moved, from, to)) : of();
    }),
  );
}

describeTriton("aframe's inference, recorded whole, and the same run here through it", () => {
  let folder = "";
  let server: RealTriton;

  beforeAll(async () => {
    if (withoutAframeWire) return;
    folder = await mkdtemp(join(tmpdir(), "strainflow-real-aframe-"));
    await buildAframeEnsemble(await createRepository(folder), { ...settings, backend: "python" });
    server = await startRealTriton(folder);
  });
  afterAll(async () => {
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  });
  const itOnRecord = it.skipIf(withoutAframeWire);

  // The transports carry the runs in turn: what is on the wire does not depend on them.
  for (const [name, transport] of [
    ["000", "grpc-js"],
    ["006", "frames"],
    ["012", "frames"],
  ] as const)
    itOnRecord(
      `gives the outputs and events of run ${name} over ${transport}, by as many requests (needs ../shared/fixtures/aframe-run)`,
      async () => {
        const run = await readAframeRun(name);
        expect(run.shifts).toEqual([0, 0]);
        await using proxy = await startRecordingProxy(server.address);
        const client = await connect(proxy.address, { transport });
        try {
          const model = await client.model("aframe-stream");
          expectAsRecorded(await searchRun(run, model), run, model);
        } finally {
          client.close();
        }
        const requests = requestsOf(proxy);
        expect(requests).toHaveLength(run.requests);
        requests.forEach((request, i) => {
          const { sequence_start: begins, sequence_end: ends } = request.parameters;
          expect(sequenceOf(request)).toBe(sequenceOf(requests[0]));
          expect(begins?.parameterChoice).toEqual({ case: "boolParam", value: i === 0 });
          expect(ends?.parameterChoice).toEqual({ case: "boolParam", value: i === run.requests - 1 });
        });
      },
      120_000,
    );

  for (const transport of transports)
    itOnRecord(
      `sends what hermes' client sent, slid detectors and all, over ${transport} (needs ../shared/fixtures/aframe-run)`,
      async () => {
        for (const name of ["000", "001", "002"]) {
          await using proxy = await startRecordingProxy(server.address);
          const client = await connect(proxy.address, { transport });
          try {
            const model = await client.model("aframe-stream");
            // Seven updates to the sample: the stream ends after the last was sent, so that END is a request of its own.
            const strain = await slid(await readAframeRun(name), 28);
            await lastValueFrom(aframeSearch(strain, model, postprocessing).pipe(toArray()));
          } finally {
            client.close();
          }
          const requests = requestsOf(proxy);
          expect(requests).toHaveLength(8);
          expect(requests.map(({ parameters }) => parameters["sequence_end"]?.parameterChoice.value)).toEqual(
            [...Array(7).fill(false), true],
          );
          expectRecorded(name, requests.slice(0, 7));
        }
      },
      120_000,
    );
});
