import { execFileSync } from "node:child_process";
import { type DescEnum, type DescFile, type DescMessage, fromBinary, isFieldSet } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { file_grpc_service } from "./gen/grpc_service_pb.ts";
import { file_health } from "./gen/health_pb.ts";
import { file_model_config } from "./gen/model_config_pb.ts";
import { file_onnx } from "./gen/onnx_pb.ts";

/** What the Python packages were generated from; read from themselves. */
const PUBLISHED = {
  service: "tritonclient.grpc.service_pb2",
  config: "tritonclient.grpc.model_config_pb2",
  onnx: "onnx.onnx_ml_pb2",
  health: "grpc_health.v1.health_pb2",
} as const;

const python = process.env.STRAINFLOW_PYTHON ?? "python3";

function published(module: string): FileDescriptorProto | undefined {
  const script = `import importlib, base64; print(base64.b64encode(importlib.import_module("${module}").DESCRIPTOR.serialized_pb).decode())`;
  try {
    const printed = execFileSync(python, ["-c", script], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return fromBinary(FileDescriptorProtoSchema, Buffer.from(printed.trim(), "base64"));
  } catch {
    return undefined;
  }
}

type Facts = Record<string, string>;

function enumFacts(facts: Facts, scope: string, values: readonly { name: string; number: number }[]): void {
  for (const value of values) facts[`${scope}.${value.name}`] = String(value.number);
}

/** `inference.ModelConfig.name` → `1 optional string`, and so on for all that decides over bytes. */
function factsOf(file: FileDescriptorProto): Facts {
  const facts: Facts = {};
  const addEnum = (scope: string, type: EnumDescriptorProto): void =>
    enumFacts(facts, `${scope}.${type.name}`, type.value);
  const addMessage = (scope: string, message: DescriptorProto): void => {
    const name = `${scope}.${message.name}`;
    facts[name] = message.options?.mapEntry ? "map entry" : "message";
    for (const field of message.field) {
      const inOneof = isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex)
        ? ` in ${message.oneofDecl[field.oneofIndex]?.name}`
        : "";
      facts[`${name}.${field.name}`] =
        `${field.number} ${FieldDescriptorProto_Label[field.label]} ${FieldDescriptorProto_Type[field.type]} ${field.typeName}` +
        `${inOneof}${field.options?.packed === true ? " packed" : ""}`;
    }
    for (const nested of message.nestedType) addMessage(name, nested);
    for (const nested of message.enumType) addEnum(name, nested);
  };
  for (const message of file.messageType) addMessage(file.package, message);
  for (const type of file.enumType) addEnum(file.package, type);
  for (const service of file.service)
    for (const method of service.method)
      facts[`${file.package}.${service.name}/${method.name}`] =
        `${method.clientStreaming ? "stream " : ""}${method.inputType} → ${method.serverStreaming ? "stream " : ""}${method.outputType}`;
  return facts;
}

function ours(file: DescFile): Facts {
  return factsOf(file.proto);
}

for (const [name, file, whole] of [
  ["service", file_grpc_service, true],
  ["config", file_model_config, true],
  ["health", file_health, true],
  ["onnx", file_onnx, false],
] as const) {
  const module = PUBLISHED[name];
  const theirs = published(module);
  if (theirs === undefined && process.env.STRAINFLOW_REQUIRE === "all")
    throw new Error(
      `${module} cannot be imported by ${python}; set STRAINFLOW_PYTHON to a Python that has it`,
    );

  describe.skipIf(theirs === undefined)(
    `${file.proto.name} and ${module} (needs that Python package)`,
    () => {
      const reference = theirs === undefined ? {} : factsOf(theirs);
      // The health service got its List in grpcio-health-checking 1.82, which does not go with tritonclient's protobuf.
      const mine = Object.fromEntries(
        Object.entries(ours(file)).filter(
          ([key]) =>
            "grpc.health.v1.Health/List" in reference || !/^grpc\.health\.v1\.Health(\/List|List)/.test(key),
        ),
      );
      it("say the same of every message, field, value and method of ours", () => {
        const same = Object.fromEntries(Object.keys(mine).map((key) => [key, reference[key]]));
        expect(Object.keys(mine).length).toBeGreaterThan(5);
        expect(mine).toEqual(same);
      });
      if (whole)
        it("leave nothing out", () => {
          expect(Object.keys(mine).sort()).toEqual(Object.keys(reference).sort());
        });
    },
  );
}

describe("the field numbers that every request depends on", () => {
  const numbers = (type: DescMessage | DescEnum | undefined): Facts =>
    type?.kind === "message"
      ? Object.fromEntries(type.fields.map((field) => [field.name, String(field.number)]))
      : {};
  const message = (name: string): DescMessage | undefined =>
    file_grpc_service.messages.find((candidate) => candidate.name === name);

  it("are Triton's", () => {
    expect(numbers(message("ModelInferRequest"))).toEqual({
      model_name: "1",
      model_version: "2",
      id: "3",
      parameters: "4",
      inputs: "5",
      outputs: "6",
      raw_input_contents: "7",
    });
    expect(numbers(message("ModelInferResponse"))).toEqual({
      model_name: "1",
      model_version: "2",
      id: "3",
      parameters: "4",
      outputs: "5",
      raw_output_contents: "6",
    });
    expect(numbers(message("InferParameter"))).toEqual({
      bool_param: "1",
      int64_param: "2",
      string_param: "3",
      double_param: "4",
      uint64_param: "5",
    });
  });
});
