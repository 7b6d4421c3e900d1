import type { InferListener, InferRequest, InferStream } from "@strainflow/series";
import { describe, expect, it } from "vitest";
import { unaryOverStream } from "./unary-over-stream.ts";

const request: InferRequest = { id: "7", inputs: {} };

/** A stream whose calls do as they are told, and remember how they ended. */
function streamOf(answer: (listener: InferListener, sent: InferRequest) => void): {
  readonly stream: InferStream;
  readonly ends: string[];
} {
  const ends: string[] = [];
  return {
    ends,
    stream: {
      open: (listener) => ({
        send(sent) {
          queueMicrotask(() => answer(listener, sent));
          return true;
        },
        end: () => void ends.push("end"),
        cancel: () => void ends.push("cancel"),
      }),
    },
  };
}

describe("unaryOverStream", () => {
  it("gives the answer, refusals among them, from the stream of the model and version asked for", async () => {
    const asked: unknown[] = [];
    const { stream, ends } = streamOf((listener, { id }) =>
      listener.response({ id, outputs: {}, error: new Error("no") }),
    );
    const unary = unaryOverStream((...which) => {
      asked.push(which);
      return stream;
    });
    expect((await unary.infer("net", request, { version: "3" })).error?.message).toBe("no");
    expect((await unary.infer("net", request, {})).id).toBe("7");
    expect(asked).toEqual([["net", "3"], ["net"]]);
    expect(ends).toEqual(["end", "end"]);
  });

  it("rejects when the call is lost, or closes without an answer", async () => {
    const lost = unaryOverStream(() => streamOf((listener) => listener.lost(new Error("gone"))).stream);
    await expect(lost.infer("net", request, {})).rejects.toThrow("gone");
    const mute = unaryOverStream(() => streamOf((listener) => listener.closed?.()).stream);
    await expect(mute.infer("net", request, {})).rejects.toMatchObject({ tag: "stream-lost" });
  });

  it("cancels the call when it is given up, and opens none when it was before", async () => {
    const { stream, ends } = streamOf(() => {});
    const control = new AbortController();
    const waiting = unaryOverStream(() => stream).infer("net", request, { signal: control.signal });
    control.abort(new Error("late"));
    await expect(waiting).rejects.toThrow("late");
    expect(ends).toEqual(["end", "cancel"]);
    await expect(
      unaryOverStream(() => stream).infer("net", request, { signal: control.signal }),
    ).rejects.toThrow("late");
    expect(ends.length).toBe(2);
  });
});
