import type { Reply } from "./body.ts";
import { type Codec, itemFromJson } from "./codec.ts";
import { ITEMS_TYPE, readFrames } from "./framing.ts";
import { type FailureCode, failed, type ItemFailure, type Outcome, STATUS, tellable } from "./outcome.ts";

/** The outcomes in a server's answer to `count` items: as many, whatever came. */
export function readAnswer<Out>(reply: Reply, count: number, codec: Codec<Out>): readonly Outcome<Out>[] {
  try {
    if (reply.contentType === ITEMS_TYPE) {
      const frames = readFrames(reply.body, count);
      if (frames.length !== count) throw new RangeError(`${frames.length} answers to ${count} items`);
      return frames.map(({ ok, bytes }) =>
        ok ? decoded(() => codec.decode(bytes)) : { ok: false, failure: failureOf(parse(bytes)) },
      );
    }
    const answer = parse(reply.body);
    if (typeof answer !== "object" || answer === null) throw new TypeError("it is no object");
    if ("data" in answer && Array.isArray(answer.data)) {
      const { data } = answer;
      if (data.length !== count) throw new RangeError(`${data.length} answers to ${count} items`);
      const errors = "errors" in answer && Array.isArray(answer.errors) ? answer.errors : [];
      const byIndex = new Map<unknown, unknown>(errors.map((error) => [error?.index, error]));
      return data.map((item, index) =>
        byIndex.has(index)
          ? { ok: false, failure: failureOf(byIndex.get(index)) }
          : decoded(() => itemFromJson(codec, item)),
      );
    }
    const reason = "error" in answer ? String(answer.error) : `status ${reply.status}`;
    return repeat(count, { ok: false, failure: failureOf({ ...answer, reason }) });
  } catch (error) {
    const reason = `the answer (status ${reply.status}) cannot be read: ${tellable(error)}`;
    return repeat(count, failed("failed", reason));
  }
}

function repeat<T>(count: number, outcome: Outcome<T>): Outcome<T>[] {
  return new Array<Outcome<T>>(count).fill(outcome);
}

function parse(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}

function decoded<Out>(read: () => Out): Outcome<Out> {
  try {
    return { ok: true, value: read() };
  } catch (error) {
    return failed("failed", `the answer cannot be decoded: ${tellable(error)}`);
  }
}

function failureOf(told: unknown): ItemFailure {
  if (typeof told !== "object" || told === null) return { code: "failed", reason: "no reason was given" };
  const code = "code" in told && isCode(told.code) ? told.code : "failed";
  return { code, reason: "reason" in told ? String(told.reason) : "no reason was given" };
}

function isCode(code: unknown): code is FailureCode {
  return typeof code === "string" && Object.hasOwn(STATUS, code);
}
