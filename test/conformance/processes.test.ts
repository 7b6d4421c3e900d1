import { afterAll, beforeAll, describe } from "vitest";
import type { Subject, Topic } from "./subject.ts";
import { type Running, startSubject } from "./subjects.ts";
import { control } from "./topics/control.ts";
import { httpValues } from "./topics/http.ts";
import { queries } from "./topics/queries.ts";
import { refusals } from "./topics/refusals.ts";
import { sequences } from "./topics/sequences.ts";
import { streamAnswers } from "./topics/stream-answers.ts";
import { streams } from "./topics/streams.ts";
import { throughOurClient } from "./topics/through-our-client.ts";

/*
 * What does not depend on how many sequences run at a time, asked of a server that is two processes: each test's
 * connections come to either of them, and sequences go on over whatever connection comes next.
 */
const TOPICS: readonly Topic[] = [
  queries,
  refusals,
  streams,
  streamAnswers,
  sequences,
  httpValues,
  throughOurClient,
  control,
];

describe("the embedded server as two processes", () => {
  let running: Running | undefined;
  beforeAll(async () => {
    running = await startSubject("embedded", { processes: 2 });
  }, 60_000);
  afterAll(() => running?.stop());
  const subject = (): Subject => {
    if (running === undefined) throw new Error("the server did not start");
    return running;
  };
  for (const topic of TOPICS) topic(subject);
});
