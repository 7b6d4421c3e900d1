import { afterAll, beforeAll, describe } from "vitest";
import { describeTriton } from "../support/real-triton.ts";
import type { ServerName, Subject, Topic } from "./subject.ts";
import { type Running, type SubjectOptions, startSubject } from "./subjects.ts";
import { batches } from "./topics/batches.ts";
import { control, controlRefused } from "./topics/control.ts";
import { decoupledSteps } from "./topics/decoupled-steps.ts";
import { ensembleRefusals } from "./topics/ensemble-refusals.ts";
import { generate } from "./topics/generate.ts";
import { httpCompression, httpValues } from "./topics/http.ts";
import { httpQueries } from "./topics/http-queries.ts";
import { httpRefusals } from "./topics/http-refusals.ts";
import { iterative } from "./topics/iterative.ts";
import { queries } from "./topics/queries.ts";
import { ragged } from "./topics/ragged.ts";
import { refusals } from "./topics/refusals.ts";
import { sequences } from "./topics/sequences.ts";
import { slots } from "./topics/slots.ts";
import { streamAnswers } from "./topics/stream-answers.ts";
import { streams } from "./topics/streams.ts";
import { throughOurClient } from "./topics/through-our-client.ts";
import { values } from "./topics/values.ts";

/*
 * One suite, two servers, the same expectations: what a client can see of the protocol. Where the embedded server
 * answers otherwise, a table says so, with the reason.
 */
const OPEN: readonly Topic[] = [
  queries,
  values,
  batches,
  ragged,
  refusals,
  streams,
  streamAnswers,
  sequences,
  slots,
  httpQueries,
  httpValues,
  httpCompression,
  httpRefusals,
  generate,
  decoupledSteps,
  iterative,
  throughOurClient,
  control,
  ensembleRefusals,
];

/** Started with what is in its repository, for good. */
const FIXED: readonly Topic[] = [controlRefused];

function conformance(name: ServerName): void {
  describe("with all models", () => onOne(name, {}, OPEN));
  describe("without model control", () =>
    onOne(name, { only: ["net", "variable"], controlled: false }, FIXED));
}

function onOne(name: ServerName, options: SubjectOptions, topics: readonly Topic[]): void {
  let running: Running | undefined;
  beforeAll(async () => {
    running = await startSubject(name, options);
  }, 120_000);
  afterAll(() => running?.stop());
  const subject = (): Subject => {
    if (running === undefined) throw new Error("the server did not start");
    return running;
  };
  for (const topic of topics) topic(subject);
}

describeTriton("a real Triton", () => conformance("triton"));
describe("the embedded server", () => conformance("embedded"));
