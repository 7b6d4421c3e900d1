import { expect } from "vitest";
import { asked, binary, eight, type HttpRefused, header, missing, sum } from "./http-requests.ts";

/** Parameters, bytes behind the JSON, and sequences. */
export const HTTP_REFUSED_MORE: readonly HttpRefused[] = [
  {
    what: "an id that is a number",
    ...asked({ id: 3 }),
    status: 500,
    error: "Unable to parse 'id': attempt to access JSON non-string as string",
  },
  {
    what: "unknown output",
    ...asked({ outputs: [{ name: "zz" }] }),
    status: 400,
    error: "unexpected inference output 'zz' for model 'net'",
  },
  { what: "an output without a name", ...asked({ outputs: [{}] }), status: 500, error: missing("name") },
  {
    what: "outputs that are no array",
    ...asked({ outputs: {} }),
    status: 500,
    error: "Unable to parse 'outputs': attempt to access JSON non-array as array",
  },
  {
    what: "binary_data that is a number",
    ...asked({ outputs: [{ name: "y", parameters: { binary_data: 1 } }] }),
    status: 500,
    error: "Unable to parse 'binary_data': attempt to access JSON non-boolean as boolean",
  },
  {
    what: "binary_data_output that is a number",
    ...asked({ parameters: { binary_data_output: 1 } }),
    status: 500,
    error: "Unable to parse 'binary_data_output': attempt to access JSON non-boolean as boolean",
  },
  {
    what: "classes that are a text",
    ...asked({ outputs: [{ name: "y", parameters: { classification: "2" } }] }),
    status: 500,
    error: "Unable to set 'classification': attempt to access JSON non-unsigned-integer as unsigned-integer",
  },
  {
    what: "fewer bytes used than sent",
    ...binary(16, eight),
    status: 400,
    error: "unexpected additional input data for model 'net'",
  },
  {
    what: "fewer bytes sent than used",
    ...binary(64, eight),
    status: 400,
    error: "unexpected size for input 'x', expecting 32 additional bytes for model 'net'",
  },
  {
    what: "a number of bytes that is a text",
    ...binary("32", eight),
    status: 500,
    error:
      "Unable to parse 'binary_data_size': attempt to access JSON non-unsigned-integer as unsigned-integer",
  },
  {
    what: "a negative number of bytes",
    ...binary(-1, eight),
    status: 500,
    error:
      "Unable to parse 'binary_data_size': attempt to access JSON non-unsigned-integer as unsigned-integer",
  },
  {
    what: "no bytes",
    ...binary(0),
    status: 400,
    error:
      "[request id: <id_unknown>] input byte size mismatch for input 'x' for model 'net'. Expected 32, got 0",
  },
  {
    what: "JSON longer than the body",
    ...header("9999"),
    status: 400,
    error: expect.stringMatching(
      /^inference header size should be in range \(0, \d+\), got: 9999$/,
    ) as string,
  },
  {
    what: "JSON of a negative length",
    ...header("-1"),
    status: 400,
    error: expect.stringMatching(/^inference header size should be in range \(0, \d+\), got: -1$/) as string,
  },
  {
    what: "no sequence id",
    ...sum({}),
    status: 400,
    error: "inference request to model 'sum' must specify a non-zero or non-empty correlation ID",
  },
  {
    what: "no START",
    ...sum({ sequence_id: 5 }),
    status: 400,
    error:
      "inference request for sequence 5 to model 'sum' must specify the START flag on the first request of the sequence",
  },
  {
    what: "an id that is true",
    ...sum({ sequence_id: true }),
    status: 500,
    error: "Unable to parse 'sequence_id': attempt to access JSON non-string as string",
  },
  {
    what: "a START that is a number",
    ...sum({ sequence_id: 5, sequence_start: 1 }),
    status: 500,
    error: "Unable to parse 'sequence_start': attempt to access JSON non-boolean as boolean",
  },
  {
    what: "an id beyond 128 characters",
    ...sum({ sequence_id: "x".repeat(129), sequence_start: true }),
    status: 501,
    error: "string correlation ID cannot be longer than 128 characters",
  },
  {
    what: "parameters that are no object",
    ...sum(3),
    status: 500,
    error: "failed to get request params.: attempt to get members for non-object",
  },
  {
    what: "a parameter that is an object",
    ...asked({ parameters: { foo: { a: 1 } } }),
    status: 400,
    error: "parameter 'foo' has invalid type. It should be either 'int', 'bool', or 'string'.",
  },
  {
    what: "a reserved parameter",
    ...asked({ parameters: { triton_foo: 1 } }),
    status: 400,
    error:
      "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.",
  },
  {
    what: "priority that is a text",
    ...asked({ parameters: { priority: "x" } }),
    status: 500,
    error: "Unable to parse 'priority': attempt to access JSON non-unsigned-integer as unsigned-integer",
  },
  {
    what: "timeout that is a text",
    ...asked({ parameters: { timeout: "x" } }),
    status: 500,
    error: "Unable to parse 'timeout': attempt to access JSON non-unsigned-integer as unsigned-integer",
  },
];
