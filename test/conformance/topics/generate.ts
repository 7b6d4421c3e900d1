import { expect, it } from "vitest";
import { type Differs, expected, type Topic, topic } from "../subject.ts";
import { http, json } from "../wire/raw-http.ts";

interface Answer {
  readonly status: number;
  readonly error?: string;
}

const bad: readonly (Answer & {
  what: string;
  path?: string;
  body: object | string;
  differs?: Differs<Answer>;
})[] = [
  {
    what: "a missing input",
    body: { text: "hello" },
    status: 400,
    error:
      "[request id: <id_unknown>] expected 2 inputs but got 1 inputs for model 'greeter'. Got input(s) ['text'], but missing required input(s) ['n']. Please provide all required input(s).",
  },
  {
    what: "a number for a text",
    body: { text: 3, n: 4 },
    status: 500,
    error: "Unable to parse JSON bytes array: attempt to access JSON non-string as string",
  },
  {
    what: "a fraction",
    body: { text: "h", n: 4.5 },
    status: 500,
    error: "Unable to parse 'data': attempt to access JSON non-signed-integer as signed-integer",
  },
  {
    what: "too many elements",
    body: { text: ["hello", "x"], n: 4 },
    status: 400,
    error: "The schema can not convert input 'text' to tensor with proper shape",
  },
  {
    what: "an unknown object",
    body: { text: "h", n: 4, foo: { a: 1 } },
    status: 400,
    error: "parameter 'foo' has invalid type. It should be either 'int', 'bool', or 'string'.",
  },
  { what: "no JSON", body: "{x", status: 500 },
  { what: "an array", body: "[]", status: 500, error: "attempt to get members for non-object" },
  {
    what: "an unknown model",
    path: "/v2/models/nope",
    body: {},
    status: 404,
    error: "Request for unknown model: 'nope' is not found",
  },
  {
    what: "a sequence",
    path: "/v2/models/sum",
    body: { x: 1, sequence_id: 4, sequence_start: true },
    status: 400,
    error: "inference request to model 'sum' must specify a non-zero or non-empty correlation ID",
  },
];

export const generate: Topic = topic("HTTP: generate", (subject) => {
  const post = (path: string, body: object | string) => http(subject().http, path, { method: "POST", body });

  it("takes inputs by name and gives outputs by name, single elements bare", async () => {
    const answer = await post("/v2/models/greeter/generate", {
      text: "hello",
      n: 4,
      id: "abc",
      temperature: 1,
    });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
    expect(json(answer)).toEqual({
      id: "abc",
      model_name: "greeter",
      model_version: "1",
      answer: "hello",
      twice: 8,
    });
    expect(json(await post("/v2/models/greeter/generate", { text: ["hello"], n: [[4]] }))).toMatchObject({
      answer: "hello",
      twice: 8,
    });
    expect(json(await post("/v2/models/net/generate", { x: [0, 1, 2, 3, 4, 5, 6, 7] }))).toMatchObject({
      y: [0, 2, 4, 6, 8, 10, 12, 14],
    });
    expect(
      json(await post("/v2/models/repeat/versions/1/generate", { IN: 3, DELAY: 0, WAIT: 0 })),
    ).toMatchObject({ OUT: 3, IDX: 0 });
  });

  it.each([[[3, 4]], [[]]])("exactly one answer, not those of %j", async (values) => {
    const answer = await post("/v2/models/repeat/generate", {
      IN: values,
      DELAY: values.map(() => 0),
      WAIT: 0,
    });
    // Triton has sent its 200 before it knows.
    expect(answer.status).toBe(200);
    expect(json(answer)).toEqual({
      error:
        "generate expects model to produce exactly 1 response, use generate stream for model that generates various number of responses",
    });
  });

  it("streams one event per answer", async () => {
    const answer = await post("/v2/models/repeat/generate_stream", {
      IN: [3, 4, 5],
      DELAY: [0, 5, 0],
      WAIT: 0,
      id: "r",
    });
    expect(answer.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const events = answer.text.split("\n\n").filter((event) => event !== "");
    expect(events.every((event) => event.startsWith("data: "))).toBe(true);
    expect(events.map((event) => JSON.parse(event.slice(6)) as unknown)).toEqual(
      [3, 4, 5].map((value, index) => ({
        id: "r",
        model_name: "repeat",
        model_version: "1",
        OUT: value,
        IDX: index,
      })),
    );
    const single = await post("/v2/models/greeter/generate_stream", { text: "hello", n: 4 });
    expect(JSON.parse(single.text.slice(6))).toMatchObject({ answer: "hello", twice: 8 });
    expect((await post("/v2/models/repeat/generate_stream", { IN: [], DELAY: [], WAIT: 0 })).text).toBe("");
  });

  it.each(["generate", "generate_stream"])("%s: wrong method", async (what) => {
    expect((await http(subject().http, `/v2/models/greeter/${what}`)).status).toBe(405);
  });

  for (const what of ["generate", "generate_stream"])
    it.each(bad)(
      `${what} refuses: $what`,
      async ({ path = "/v2/models/greeter", body, status, error, differs }) => {
        const want = expected<Answer>(
          subject(),
          { status, ...(error === undefined ? {} : { error }) },
          differs,
        );
        const answer = await post(`${path}/${what}`, body);
        expect(answer.status).toBe(want.status);
        if (want.error !== undefined) expect(json(answer)).toEqual({ error: want.error });
      },
    );
});
