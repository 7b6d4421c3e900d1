import { clone, create, type DescField, type DescMessage, equals, ScalarType } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { type ModelConfig, ModelConfigSchema } from "@strainflow/proto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatConfig, parseConfig } from "./config-text.ts";
import { editConfig } from "./edit-config.ts";

/** Any values of a message, down to some depth, choices and maps among them. */
function anyMessage(desc: DescMessage, depth: number): fc.Arbitrary<ReflectMessage> {
  const choices = new Map(desc.oneofs.map((one) => [one.localName, one.fields]));
  const fields = desc.fields.filter((field) => depth > 0 || !hasMessage(field));
  const free = fields.filter((field) => field.oneof === undefined);
  const chosen = fc.tuple(
    ...[...choices.values()].map((members) => {
      const usable = members.filter((field) => fields.includes(field));
      return usable.length === 0 ? fc.constant(undefined) : fc.constantFrom(undefined, ...usable);
    }),
  );
  return fc
    .tuple(fc.subarray(free), chosen)
    .chain(([some, members]) => {
      const present = [...some, ...members.flatMap((member) => (member === undefined ? [] : [member]))];
      return fc.tuple(
        ...present.map((field) => anyField(field, depth).map((value) => [field, value] as const)),
      );
    })
    .map((values) => {
      const message = reflect(desc);
      for (const [field, value] of values) put(message, field, value);
      return message;
    });
}

const hasMessage = (field: DescField): boolean => field.message !== undefined;

function anyField(field: DescField, depth: number): fc.Arbitrary<unknown> {
  const element = (): fc.Arbitrary<unknown> => {
    if (field.message !== undefined) return anyMessage(field.message, depth - 1);
    if (field.enum !== undefined) return fc.constantFrom(...field.enum.values.map((value) => value.number));
    return anyScalar(field.scalar);
  };
  if (field.fieldKind === "list") return fc.array(element(), { maxLength: 3 });
  if (field.fieldKind !== "map") return element();
  return fc.array(fc.tuple(anyScalar(field.mapKey), element()), { maxLength: 3 });
}

function anyScalar(type: ScalarType | undefined): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return fc.string({ unit: "grapheme", maxLength: 12 });
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.INT64:
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case ScalarType.UINT64:
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case ScalarType.UINT32:
      return fc.integer({ min: 0, max: 2 ** 32 - 1 });
    case ScalarType.INT32:
      return fc.integer();
    case ScalarType.FLOAT:
      return fc.float({ noNaN: true });
    case ScalarType.DOUBLE:
      return fc.double({ noNaN: true });
    default:
      throw new Error(`no values of type ${type}`);
  }
}

function put(message: ReflectMessage, field: DescField, value: unknown): void {
  if (field.fieldKind === "list") for (const item of value as unknown[]) message.get(field).add(item);
  else if (field.fieldKind === "map")
    for (const [key, item] of value as [string, unknown][]) message.get(field).set(key, item);
  else message.set(field, value);
}

const anyConfig: fc.Arbitrary<ModelConfig> = anyMessage(ModelConfigSchema, 3).map(
  ({ message }) => message as ModelConfig,
);

/** A field's value as one would write it in changes. */
function asChange(message: ReflectMessage, field: DescField): unknown {
  const whole = (one: ReflectMessage): object =>
    Object.fromEntries(
      one.desc.fields
        .filter((inner) => one.isSet(inner))
        .map((inner) => [inner.localName, asChange(one, inner)]),
    );
  const element = (value: unknown): unknown =>
    field.enum !== undefined
      ? field.enum.value[value as number]!.name
      : field.message !== undefined
        ? whole(value as ReflectMessage)
        : value;
  if (field.fieldKind === "list") return [...message.get(field)].map(element);
  if (field.fieldKind === "map")
    return Object.fromEntries([...message.get(field)].map(([key, value]) => [String(key), element(value)]));
  return element(message.get(field));
}

describe("a configuration with any values in any fields", () => {
  it("survives a round trip through its text", () => {
    fc.assert(
      fc.property(anyConfig, (config) => {
        expect(equals(ModelConfigSchema, parseConfig(formatConfig(config)), config)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("keeps every value that an edit does not name, and has those that it names", () => {
    const fields = ModelConfigSchema.fields;
    fc.assert(
      fc.property(anyConfig, anyConfig, fc.constantFrom(...fields), (config, other, field) => {
        const from = reflect(ModelConfigSchema, other);
        const expected = clone(ModelConfigSchema, config);
        const target = reflect(ModelConfigSchema, expected);
        const before = clone(ModelConfigSchema, config);
        target.clear(field);
        let edited = editConfig(config, { [field.localName]: null });
        if (field.oneof !== undefined && edited.schedulingChoice.case !== undefined) {
          edited = editConfig(edited, { [edited.schedulingChoice.case]: null });
          expected.schedulingChoice = { case: undefined };
        }
        expect(equals(ModelConfigSchema, edited, expected)).toBe(true);
        if (from.isSet(field)) {
          target.set(field, from.get(field));
          edited = editConfig(edited, { [field.localName]: asChange(from, field) });
          expect(formatConfig(edited)).toBe(formatConfig(expected));
        }
        expect(equals(ModelConfigSchema, config, before)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});

describe("an edit", () => {
  const text = `
    name: "net" max_batch_size: 8
    instance_group [ { count: 1 kind: KIND_CPU } ]
    dynamic_batching {
      preferred_batch_size: [ 4, 8 ] preserve_ordering: true
      priority_levels: 2 default_priority_level: 1
      priority_queue_policy { key: 1 value { max_queue_size: 16 } }
      priority_queue_policy { key: 2 value { max_queue_size: 4 timeout_action: DELAY } }
    }
    parameters { key: "keep" value { string_value: "me" } }
    parameters { key: "drop" value { string_value: "me" } }`;
  const config = parseConfig(text);
  const edited = (changes: Parameters<typeof editConfig>[1]): string =>
    formatConfig(editConfig(config, changes)).replaceAll(/\s+/g, " ");

  it("merges into what is there, at every depth", () => {
    const { schedulingChoice, parameters } = editConfig(config, {
      dynamicBatching: {
        maxQueueDelayMicroseconds: 500,
        preserveOrdering: null,
        priorityQueuePolicy: { 2: { maxQueueSize: 8 }, 1: null },
      },
      parameters: { drop: null, intra_op_thread_count: 2 },
    });
    expect(schedulingChoice).toMatchObject({
      case: "dynamicBatching",
      value: {
        preferredBatchSize: [4, 8],
        preserveOrdering: false,
        maxQueueDelayMicroseconds: 500n,
        priorityLevels: 2n,
        priorityQueuePolicy: { "2": { maxQueueSize: 8, timeoutAction: 1 } },
      },
    });
    expect(Object.fromEntries(Object.entries(parameters).map(([k, v]) => [k, v.stringValue]))).toEqual({
      keep: "me",
      intra_op_thread_count: "2",
    });
  });

  it("sets what people touch", () => {
    const all = edited({
      instanceGroup: [
        {
          count: 2,
          kind: "KIND_GPU",
          gpus: [0, 1],
          rateLimiter: { resources: [{ name: "R1", count: 4, global: true }], priority: 2 },
        },
      ],
      optimization: {
        graph: { level: 1 },
        cuda: { graphs: true, graphSpec: [{ batchSize: 4, input: { x: { dim: [2, 2048] } } }] },
        executionAccelerators: {
          gpuExecutionAccelerator: [{ name: "tensorrt", parameters: { precision_mode: "FP16" } }],
        },
      },
      modelWarmup: [
        {
          name: "zeros",
          batchSize: 8,
          inputs: { x: { dataType: "TYPE_FP32", dims: [2, 2048], zeroData: true } },
        },
      ],
      versionPolicy: { specific: { versions: [1, 3] } },
      responseCache: { enable: true },
      modelTransactionPolicy: { decoupled: true },
      defaultModelFilename: "net.onnx",
    });
    for (const part of [
      'gpus: 1 kind: KIND_GPU rate_limiter: { resources: { name: "R1" global: true count: 4 } priority: 2 }',
      "graph: { level: 1 }",
      'key: "precision_mode" value: "FP16"',
      "graphs: true",
      "zero_data: true",
      "specific: { versions: 1 versions: 3 }",
      "response_cache: { enable: true }",
      "decoupled: true",
      'default_model_filename: "net.onnx"',
    ])
      expect(all).toContain(part);
  });

  it("changes the way sequences are kept, and their states stay", () => {
    const stateful = parseConfig(`sequence_batching {
      direct { minimum_slot_utilization: 0.5 } max_sequence_idle_microseconds: 5
      state [ { input_name: "i" output_name: "o" data_type: TYPE_FP32 dims: [ 1 ] } ] }`);
    expect(
      editConfig(stateful, { sequenceBatching: { oldest: { maxCandidateSequences: 6 } } }).schedulingChoice
        .value,
    ).toMatchObject({
      maxSequenceIdleMicroseconds: 5n,
      strategyChoice: { case: "oldest", value: { maxCandidateSequences: 6 } },
      state: [{ inputName: "i" }],
    });
  });

  it("takes out nothing but what is named, in a choice too", () => {
    const one = create(ModelConfigSchema, { schedulingChoice: { case: "dynamicBatching", value: {} } });
    expect(editConfig(one, { sequenceBatching: null }).schedulingChoice.case).toBe("dynamicBatching");
    expect(editConfig(one, { dynamicBatching: null }).schedulingChoice.case).toBeUndefined();
  });

  it("is refused with the field and what it takes", () => {
    const refuse = (changes: object, message: RegExp) =>
      expect(() => editConfig(config, changes)).toThrow(message);
    refuse({ maxBatch: 8 }, /net: maxBatch is 8; it must be one of name, platform, /);
    refuse(
      { instanceGroup: [{ kind: "GPU" }] },
      /instanceGroup\[0\]\.kind is "GPU"; it must be one of KIND_AUTO/,
    );
    refuse({ instanceGroup: [{ count: 1.5 }] }, /instanceGroup\[0\]\.count is 1\.5; it must be .*int32/);
    refuse({ dynamicBatching: { maxQueueDelayMicroseconds: -1 } }, /maxQueueDelayMicroseconds is -1/);
    refuse({ dynamicBatching: 5 }, /dynamicBatching is 5; it must be an object/);
    refuse({ instanceGroup: {} }, /instanceGroup is \{\}; it must be a list/);
    refuse({ sequenceBatching: {} }, /pass dynamicBatching: null to put it in its place/);
    refuse({ sequenceBatching: {}, dynamicBatching: {} }, /a model is scheduled in one way/);
    expect(() => editConfig(config, { maxBatchSize: 2 ** 40 })).toThrow(/maxBatchSize is 1099511627776/);
  });
});
