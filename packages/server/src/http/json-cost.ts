import { ELEMENT_SIZES } from "@strainflow/series";
import { invalid } from "../refusal.ts";
import type { RawTensors } from "../tensors/raw-tensor.ts";
import type { AnswerForm } from "./infer.ts";

/** Bytes that values take, by the sign that begins or follows one: generous, and with what is made of them on the way. */
const LIST = 80;
const NEXT = 24;
const TEXT = 64;

/** What the values of one request may take: a tensor of ten million numbers does not, many millions of small lists do. */
const MOST = 384 * 2 ** 20;

/**
 * Refuses JSON whose values would take far more memory than its text: what runs out of memory while it reads JSON takes
 * the process with it, in whatever thread it is.
 *
 * @throws Refusal (INVALID_ARGUMENT)
 */
export function checkCost(text: Uint8Array): void {
  let cost = 0;
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (sign === 0x2c || sign === 0x3a) cost += NEXT;
    else if (sign === 0x22) cost += TEXT;
    else if (sign === 0x5b || sign === 0x7b) cost += LIST;
  }
  if (cost > MOST)
    throw invalid(
      "the values of the request's JSON take more memory than there is for them; send binary tensors",
    );
}

/** Elements of one answer that become JSON. */
const MOST_ELEMENTS = 16 * 2 ** 20;

/** The same for an answer. @throws Refusal (INVALID_ARGUMENT) */
export function checkAnswer(outputs: RawTensors, form: AnswerForm): void {
  let elements = 0;
  for (const [name, { datatype, data, elsewhere }] of outputs)
    if (elsewhere !== true && !(form.byOutput.get(name) ?? form.binary))
      elements += data.byteLength / (datatype === "BYTES" ? 4 : ELEMENT_SIZES[datatype]);
  if (elements > MOST_ELEMENTS)
    throw invalid("the outputs are too many numbers for an answer in JSON; ask for them as binary data");
}
