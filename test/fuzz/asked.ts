import type { TwinType } from "../conformance/models/onnx-twin.ts";
import type { Dice } from "./dice.ts";

/** A request that every front can say. Numbers of 64 bits are bigints, those of FP16 its bits. */
export interface Asked {
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly inputs: readonly AskedInput[];
  readonly outputs: readonly string[];
  readonly parameters: Readonly<Record<string, AskedParameter>>;
}

export type AskedParameter = boolean | number | bigint | string;

export interface AskedInput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly (number | bigint)[];
  readonly type: TwinType;
  readonly values: readonly Value[];
}

export type Value = number | bigint | boolean | string;

interface Known {
  readonly inputs: readonly (readonly [name: string, type: TwinType, shape: readonly number[]])[];
  readonly outputs: readonly string[];
  /** Whether it takes batches of up to 8. */
  readonly batched?: boolean;
  readonly sequence?: boolean;
}

const TYPES = ["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"] as const;
const ALL_TYPES = [...TYPES, "FP16", "FP32", "FP64", "BYTES"] as const;

/** Of the models of the conformance suite. */
const MODELS: Readonly<Record<string, Known>> = {
  net: { inputs: [["x", "FP32", [2, 4]]], outputs: ["y"], batched: true },
  simple: {
    inputs: [
      ["INPUT0", "INT32", [16]],
      ["INPUT1", "INT32", [16]],
    ],
    outputs: ["OUTPUT0", "OUTPUT1"],
    batched: true,
  },
  plain: { inputs: [["x", "FP32", [3]]], outputs: ["y"] },
  variable: { inputs: [["x", "FP32", [2, 3]]], outputs: ["y"] },
  types: {
    inputs: ALL_TYPES.map((type) => [`IN_${type}`, type, [2]] as const),
    outputs: ALL_TYPES.map((type) => `OUT_${type}`),
  },
  scores: {
    inputs: [
      ["x", "FP32", [4]],
      ["k", "INT32", [3]],
    ],
    outputs: ["y", "z"],
    batched: true,
  },
  greeter: {
    inputs: [
      ["text", "BYTES", [1]],
      ["n", "INT32", [1]],
    ],
    outputs: ["answer", "twice"],
  },
  sum: { inputs: [["x", "FP32", [1]]], outputs: ["total"], sequence: true },
  repeat: { inputs: [["IN", "INT32", [2]]], outputs: ["OUT", "IDX"] },
};

export const FUZZED_MODELS: readonly string[] = Object.keys(MODELS);

function value(dice: Dice, type: TwinType): Value {
  switch (type) {
    case "BOOL":
      return dice.chance(0.5);
    case "FP32":
    case "FP64":
      return dice.pick([0, -0, 1.5, -2.25, 1e30, dice.below(1024) / 1024]);
    case "FP16":
      return dice.pick([0, 0x3c00, 0xbc00, 0x7bff]);
    case "BYTES":
      return dice.pick(["", "H1", "π", "a b\nc", "x".repeat(300)]);
    case "INT64":
      return dice.pick([0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), BigInt(dice.below(1000))]);
    case "UINT64":
      return dice.pick([0n, 2n ** 64n - 1n, BigInt(dice.below(1000))]);
    default:
      return dice.below(100);
  }
}

/** A request that its model answers. `place` makes its sequence its own. */
export function validAsked(dice: Dice, place: number): Asked {
  const model = dice.pick(FUZZED_MODELS);
  const known = MODELS[model];
  if (known === undefined) throw new RangeError(`${model} is not known`);
  const batch = 1 + dice.below(3);
  const inputs = known.inputs.map(([name, type, shape]): AskedInput => {
    const whole = known.batched === true ? [batch, ...shape] : [...shape];
    const count = whole.reduce((product, size) => product * size, 1);
    const values = Array.from({ length: count }, () => value(dice, type));
    return { name, datatype: type, shape: whole, type, values };
  });
  const sequence = { sequence_id: BigInt(1_000_000 + place), sequence_start: true, sequence_end: true };
  return {
    model,
    version: "",
    id: dice.pick(["", "q", "π?"]),
    inputs,
    outputs: dice.chance(0.3) ? [dice.pick(known.outputs)] : [],
    parameters: known.sequence === true ? sequence : {},
  };
}

const SIZES = [0, -1, 1, 2, 7, 9, 2 ** 31, 2n ** 32n + 1n, 2n ** 62n, -(2n ** 63n), 2n ** 63n - 1n];
const NAMES = ["", "x", "X", "nope", "INPUT0", "input_sum", "../x", "x\u0000y", "π", "n".repeat(3000)];
const PARAMETERS: readonly (readonly [string, AskedParameter])[] = [
  ["sequence_id", 0n],
  ["sequence_id", 77_000_001n],
  ["sequence_id", -5n],
  ["sequence_id", ""],
  ["sequence_id", "run"],
  ["sequence_id", true],
  ["sequence_id", 1.5],
  ["sequence_start", true],
  ["sequence_start", 1n],
  ["sequence_start", "true"],
  ["sequence_end", true],
  ["sequence_end", 0n],
  ["priority", 1n],
  ["priority", -1n],
  ["priority", "high"],
  ["priority", true],
  ["timeout", 10_000_000n],
  ["timeout", "soon"],
  ["timeout", 0.5],
  ["mine", "text"],
  ["mine", false],
  ["mine", 3n],
  ["mine", 2.5],
  ["", "empty"],
  ["triton_enable_empty_final_response", true],
  ["triton_mine", 1n],
  ["headers", "x"],
  ["binary_data_output", true],
];

type Mutation = (asked: Asked, dice: Dice) => Asked;

const changeInput =
  (how: (input: AskedInput, dice: Dice) => AskedInput): Mutation =>
  (asked, dice) =>
    asked.inputs.length === 0
      ? asked
      : { ...asked, inputs: dice.change(asked.inputs, (input) => how(input, dice)) };

/** Each leaves a request that a parser takes. */
const MUTATIONS: readonly Mutation[] = [
  changeInput((input, dice) => ({ ...input, name: dice.pick(NAMES) })),
  changeInput((input, dice) => ({
    ...input,
    datatype: dice.pick([...ALL_TYPES, "BF16", "", "fp32", "STRING", "FP8"]),
  })),
  changeInput((input, dice) => ({
    ...input,
    shape: input.shape.length === 0 ? [1] : dice.change(input.shape, () => dice.pick(SIZES)),
  })),
  changeInput((input, dice) => ({ ...input, shape: [...input.shape, dice.pick(SIZES)] })),
  changeInput((input) => ({ ...input, shape: input.shape.slice(1) })),
  changeInput((input) => ({ ...input, shape: [...input.shape].reverse() })),
  changeInput((input, dice) => ({ ...input, values: input.values.slice(0, dice.below(4)) })),
  changeInput((input) => ({ ...input, values: [...input.values, ...input.values] })),
  (asked, dice) => ({ ...asked, inputs: asked.inputs.slice(1 + dice.below(2)) }),
  (asked) => ({ ...asked, inputs: [...asked.inputs, ...asked.inputs.slice(0, 1)] }),
  (asked) => ({ ...asked, inputs: [...asked.inputs].reverse() }),
  (asked, dice) => ({ ...asked, outputs: [dice.pick(NAMES)] }),
  (asked, dice) => ({ ...asked, outputs: [...asked.outputs, "y", dice.pick(["y", "OUTPUT1", "total"])] }),
  (asked, dice) => ({
    ...asked,
    version: dice.pick(["1", "7", "01", "0", "-1", "9", "99999999999999999999", "abc", "1.0", " 1"]),
  }),
  (asked, dice) => ({ ...asked, model: dice.pick(["nope", "", "net ", "../net", "NET", "simple"]) }),
  (asked, dice) => ({ ...asked, id: dice.pick(["i".repeat(500), "a/b", "\u0001"]) }),
  (asked, dice) => {
    const [name, given] = dice.pick(PARAMETERS);
    return { ...asked, parameters: { ...asked.parameters, [name]: given } };
  },
];

/** A valid request, changed once, twice or not at all. */
export function mutatedAsked(dice: Dice, place: number): Asked {
  let asked = validAsked(dice, place);
  for (let i = dice.pick([0, 1, 1, 1, 2]); i > 0; i--) asked = dice.pick(MUTATIONS)(asked, dice);
  return asked;
}
