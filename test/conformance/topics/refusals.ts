import { GRPCInferenceService } from "@strainflow/proto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { expected, type Subject, type Topic, topic } from "../subject.ts";
import type { Refused } from "../tables/refused.ts";
import { REFUSED_DATA } from "../tables/refused-data.ts";
import { REFUSED_NAMES } from "../tables/refused-names.ts";
import { float32 } from "../wire/bytes.ts";
import { inferRequest } from "../wire/messages.ts";
import { RawGrpc } from "../wire/raw-grpc.ts";

const ROWS = [...REFUSED_NAMES, ...REFUSED_DATA];
const net = (id: string) =>
  inferRequest("net", [["x", "FP32", [1, 2, 4], float32(0, 1, 2, 3, 4, 5, 6, 7)]], { id });

/**
 * HTTP/2 allows no blank at the end of a header: what Triton writes so, nobody on Node reads; ours is percent-encoded.
 */
function asTrailer(subject: Subject, text: string | undefined): { text?: string } {
  if (text === undefined) return {};
  return { text: subject.name === "triton" && text.endsWith(" ") ? "" : text };
}

/** The error table: the same request gives the same status and words. */
export const refusals: Topic = topic("what is refused, and how", (subject) => {
  let client: RawGrpc;
  beforeAll(() => {
    client = new RawGrpc(subject().grpc);
  });
  afterAll(() => client.close());

  const wanted = ({ code, text, differs }: Refused) =>
    expected(subject(), { code, ...(text === undefined ? {} : { text }) }, differs);

  it.each(ROWS.map((row) => [row.what, row] as const))("%s", async (_, row) => {
    const want = wanted(row);
    if (want.code === "OK") await client.respond(row.request);
    else expect(await client.refused(row.request)).toEqual({ ...want, ...asTrailer(subject(), want.text) });
  });

  it("within a stream each has its place and its id, and the stream goes on", async () => {
    const rows = ROWS.filter(({ what }) => what !== "decoupled by unary call");
    const stream = client.stream();
    for (const [index, { request }] of rows.entries()) {
      stream.send({ ...request, id: `bad-${index}` });
      stream.send(net(`good-${index}`));
    }
    for (const [index, row] of rows.entries()) {
      const { id, error } = await stream.next();
      const want = wanted(row);
      expect({ id, error }).toEqual({
        id: `bad-${index}`,
        error:
          want.code === "OK"
            ? ""
            : (want.text ?? "").replace(/^\[request id: .*?\]/, `[request id: bad-${index}]`),
      });
      expect(await stream.next()).toMatchObject({ id: `good-${index}`, error: "" });
    }
    stream.end();
    expect((await stream.ended).code).toBe("OK");
  });

  it("bytes that are no message: the server lives", async () => {
    const stream = client.stream();
    stream.send(net("before"));
    await stream.next();
    stream.sendBytes(Uint8Array.of(0x2a, 0xff, 0xff, 0xff, 0xff, 0x0f));
    const came = stream.next().then(
      ({ error }) => error,
      () => "nothing",
    );
    // Triton's library takes them for the end of the stream; ours refuses them like any request, and the stream goes on.
    expect(await came).toEqual(
      expected(subject(), "nothing", {
        why: "a client's mistake in one request is no reason to end the others' stream",
        embedded: expect.stringContaining("not a ModelInferRequest") as string,
      }),
    );
    if (subject().name === "embedded") {
      stream.send(net("after"));
      expect((await stream.next()).id).toBe("after");
      stream.end();
    }
    expect((await stream.ended).code).toBe("OK");
    expect((await client.call(GRPCInferenceService.method.serverLive, {})).live).toBe(true);
  });
});
