import type { SequencePlace } from "../scheduling/scheduler.ts";
import type { RawTensors } from "../tensors/raw-tensor.ts";
import type { AnswerForm } from "./infer.ts";
import { jsonOfTensor } from "./json-tensors.ts";

export interface AnswerOf {
  readonly id: string;
  readonly model: string;
  readonly version: string;
  /** Told of ensembles. */
  readonly sequence?: SequencePlace;
}

/** An answer in KServe's JSON, and the tensors that come behind it. */
export interface HttpAnswer {
  readonly json: string;
  readonly tensors: readonly Uint8Array[];
}

/** Written piece by piece: JSON has no 64-bit integers in JavaScript. @throws Refusal for outputs that JSON has not */
export function formatAnswer(of: AnswerOf, outputs: RawTensors, form: AnswerForm): HttpAnswer {
  const tensors: Uint8Array[] = [];
  const texts = [...outputs].map(([name, { datatype, shape, data, elsewhere }]) => {
    const head = `"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape}]`;
    if (elsewhere === true) return `{${head}}`;
    if (!(form.byOutput.get(name) ?? form.binary))
      return `{${head},"data":[${jsonOfTensor(datatype, data).join(",")}]}`;
    tensors.push(data);
    return `{${head},"parameters":{"binary_data_size":${data.byteLength}}}`;
  });
  const { id, model, version, sequence } = of;
  const fields = [
    ...(id === "" ? [] : [`"id":${JSON.stringify(id)}`]),
    `"model_name":${JSON.stringify(model)}`,
    `"model_version":"${version}"`,
    ...(sequence === undefined ? [] : [`"parameters":${place(sequence)}`]),
    `"outputs":[${texts.join(",")}]`,
  ];
  return { json: `{${fields.join(",")}}`, tensors };
}

function place({ id, start, end }: SequencePlace): string {
  const told = typeof id === "string" ? JSON.stringify(id) : String(id);
  return `{"sequence_id":${told},"sequence_start":${start},"sequence_end":${end}}`;
}
