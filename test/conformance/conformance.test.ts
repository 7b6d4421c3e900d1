import { afterAll, beforeAll, describe } from "vitest";
import { describeTriton } from "../support/real-triton.ts";
import type { ServerName, Subject } from "./subject.ts";
import { type Running, startSubject } from "./subjects.ts";
import { generate } from "./topics/generate.ts";
import { httpCompression, httpValues } from "./topics/http.ts";
import { httpQueries } from "./topics/http-queries.ts";
import { httpRefusals } from "./topics/http-refusals.ts";
import { queries } from "./topics/queries.ts";
import { refusals } from "./topics/refusals.ts";
import { sequences } from "./topics/sequences.ts";
import { slots } from "./topics/slots.ts";
import { streams } from "./topics/streams.ts";
import { values } from "./topics/values.ts";

/*
 * One suite, two servers, the same expectations: what a client can see of the protocol. Where the embedded server
 * answers otherwise, a table says so, with the reason.
 */
const TOPICS = [
  queries,
  values,
  refusals,
  streams,
  sequences,
  slots,
  httpQueries,
  httpValues,
  httpCompression,
  httpRefusals,
  generate,
];

function conformance(name: ServerName): void {
  let running: Running | undefined;
  beforeAll(async () => {
    running = await startSubject(name);
  }, 120_000);
  afterAll(() => running?.stop());
  const subject = (): Subject => {
    if (running === undefined) throw new Error("the server did not start");
    return running;
  };
  for (const topic of TOPICS) topic(subject);
}

describeTriton("a real Triton", () => conformance("triton"));
describe("the embedded server", () => conformance("embedded"));
