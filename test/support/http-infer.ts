/** A tensor of the HTTP protocol in JSON. */
export interface JsonTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: readonly (number | boolean | string)[];
}

/** One request by HTTP and JSON: the plain form of the protocol, in which any server can be asked. */
export async function inferByHttp(
  server: string,
  model: string,
  inputs: readonly JsonTensor[],
  sequence?: { readonly id: number; readonly start: boolean; readonly end: boolean },
): Promise<readonly JsonTensor[]> {
  const parameters =
    sequence === undefined
      ? undefined
      : { sequence_id: sequence.id, sequence_start: sequence.start, sequence_end: sequence.end };
  const response = await fetch(`${server}/v2/models/${model}/infer`, {
    method: "POST",
    body: JSON.stringify({ inputs, parameters }),
  });
  const body = (await response.json()) as { outputs?: JsonTensor[]; error?: string };
  if (body.outputs === undefined) throw new Error(body.error ?? `${model} answered ${response.status}`);
  return body.outputs;
}
