import { compareTensors, type Tensors, type Tolerance } from "./compare-tensors.ts";
import type { RequestData } from "./request-data.ts";
import type { Shot } from "./target.ts";

/** What a check is told of the request that an answer belongs to. */
export interface AnswerFacts {
  readonly stream: number;
  readonly step: number;
  /** The place in its sequence, from 0. */
  readonly position: number;
  readonly sequenceId?: bigint | string;
  /** What was sent. */
  readonly inputs: Tensors;
}

/** Says in words what is wrong with an answer, or nothing. */
export type AnswerCheck = (outputs: Tensors, facts: AnswerFacts) => string | undefined;

/**
 * What answers are held against. "expected": the outputs that the data file gives. "first": the first answer to the same
 * data (of a sequence: at the same place). "none": only that there is one. Default: "expected" where the data have
 * expected outputs, else "none".
 */
export type CheckChoice = "expected" | "first" | "none" | AnswerCheck;

export function createCheck(
  choice: CheckChoice,
  data: RequestData,
  tolerance: Tolerance,
): (outputs: Tensors, shot: Shot) => string | undefined {
  if (choice === "none") return () => undefined;
  if (typeof choice === "function")
    return (outputs, shot) => {
      const { stream, step, position, sequence } = shot;
      const inputs = data.streams[stream]?.[step]?.inputs ?? {};
      const sequenceId = sequence === undefined ? {} : { sequenceId: sequence.id };
      try {
        return choice(outputs, { stream, step, position, ...sequenceId, inputs });
      } catch (error) {
        return `the check failed: ${error instanceof Error ? error.message : String(error)}`;
      }
    };
  const first = new Map<string, Tensors>();
  return (outputs, shot) => {
    const wrong = choice === "first" ? againstFirst(outputs, shot) : againstExpected(outputs, shot);
    return wrong === undefined ? undefined : `${wrong} (${placeOf(shot)})`;
  };

  function againstExpected(outputs: Tensors, { stream, step, position }: Shot): string | undefined {
    const steps = data.streams[stream] ?? [];
    const expected = steps[step]?.expected;
    // A sequence that goes on after its data began anew is in a state that the file does not know.
    if (expected === undefined || position >= steps.length) return undefined;
    return compareTensors(outputs, expected, tolerance);
  }

  function againstFirst(outputs: Tensors, shot: Shot): string | undefined {
    const key = `${shot.stream}/${shot.position}`;
    const known = first.get(key);
    if (known === undefined) {
      first.set(key, detached(outputs));
      return undefined;
    }
    const missing = Object.keys(outputs).find((name) => !(name in known));
    if (missing !== undefined) return `output ${missing} was not in the first answer`;
    return compareTensors(outputs, known, tolerance);
  }
}

function placeOf({ stream, step, position, sequence }: Shot): string {
  if (sequence === undefined) return `data ${stream}/${step}`;
  return `sequence ${sequence.id}, request ${position + 1}, data ${stream}/${step}`;
}

/** Copies: views would keep whole messages in memory. */
function detached(outputs: Tensors): Tensors {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, tensor]) => {
      const { data } = tensor;
      // `slice` of a Buffer would be a view.
      const own = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);
      const numbers = (array: Exclude<typeof data, readonly Uint8Array[]>) =>
        array instanceof Uint8Array ? own(array) : array.slice();
      const copy = ArrayBuffer.isView(data) ? numbers(data) : data.map(own);
      return [name, { ...tensor, data: copy }];
    }),
  );
}
