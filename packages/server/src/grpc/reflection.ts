import { clone, create, type DescFile, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { handleBidiStreamingCall } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import {
  GRPCInferenceService,
  Health,
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "@strainflow/proto";
import { type AnyEndpoint, endpoint } from "./endpoint.ts";

/** Both versions have the same messages under two names; older clients ask for the older one alone. */
export const REFLECTION_PACKAGES = ["grpc.reflection.v1", "grpc.reflection.v1alpha"] as const;

/** gRPC reflection: tools like grpcurl learn from it what is served. One endpoint per version of the protocol. */
export function reflectionEndpoint(packageName: (typeof REFLECTION_PACKAGES)[number]): AnyEndpoint {
  const files = servedFiles();
  const { serverReflectionInfo: method } = ServerReflection.method;
  const handler: handleBidiStreamingCall<ServerReflectionRequest, ServerReflectionResponse> = (call) => {
    call.on("data", (request: ServerReflectionRequest) => call.write(answer(files, request)));
    call.on("end", () => call.end());
    call.on("error", () => {});
  };
  return endpoint({
    name: method.name,
    definition: {
      path: `/${packageName}.ServerReflection/${method.name}`,
      requestStream: true,
      responseStream: true,
      requestSerialize: (message: ServerReflectionRequest) =>
        Buffer.from(toBinary(ServerReflectionRequestSchema, message)),
      requestDeserialize: (bytes: Buffer) => fromBinary(ServerReflectionRequestSchema, bytes),
      responseSerialize: (message: ServerReflectionResponse) =>
        Buffer.from(toBinary(ServerReflectionResponseSchema, message)),
      responseDeserialize: (bytes: Buffer) => fromBinary(ServerReflectionResponseSchema, bytes),
    },
    handler,
  });
}

function answer(
  files: readonly FileDescriptorProto[],
  request: ServerReflectionRequest,
): ServerReflectionResponse {
  const respond = (
    messageResponse: ServerReflectionResponse["messageResponse"],
  ): ServerReflectionResponse => {
    const response = create(ServerReflectionResponseSchema, { validHost: request.host });
    response.originalRequest = request;
    response.messageResponse = messageResponse;
    return response;
  };
  const missing = (what: string): ServerReflectionResponse =>
    respond({
      case: "errorResponse",
      value: {
        $typeName: "grpc.reflection.v1.ErrorResponse",
        errorCode: status.NOT_FOUND,
        errorMessage: `${what.slice(0, 200)} is not served here`,
      },
    });
  const withImports = (file: FileDescriptorProto | undefined, what: string): ServerReflectionResponse => {
    if (file === undefined) return missing(what);
    return respond({
      case: "fileDescriptorResponse",
      value: {
        $typeName: "grpc.reflection.v1.FileDescriptorResponse",
        fileDescriptorProto: importsOf(files, file).map((one) => toBinary(FileDescriptorProtoSchema, one)),
      },
    });
  };
  const { messageRequest: asked } = request;
  switch (asked.case) {
    case "listServices":
      return respond({
        case: "listServicesResponse",
        value: {
          $typeName: "grpc.reflection.v1.ListServiceResponse",
          service: files
            .flatMap((file) => file.service.map(({ name }) => `${file.package}.${name}`))
            .map((name) => ({ $typeName: "grpc.reflection.v1.ServiceResponse", name })),
        },
      });
    case "fileByFilename":
      return withImports(
        files.find(({ name }) => name === asked.value),
        `file ${asked.value}`,
      );
    case "fileContainingSymbol":
      return withImports(
        files.find((file) => symbolsOf(file).has(asked.value)),
        `symbol ${asked.value}`,
      );
    case "allExtensionNumbersOfType":
    case "fileContainingExtension":
      return missing("an extension");
    case undefined:
      return missing("a request of no kind");
  }
}

function importsOf(
  files: readonly FileDescriptorProto[],
  file: FileDescriptorProto,
): readonly FileDescriptorProto[] {
  const found = new Set([file]);
  for (const { dependency } of found)
    for (const name of dependency) {
      const imported = files.find((other) => other.name === name);
      if (imported !== undefined) found.add(imported);
    }
  return [...found];
}

/** Full names of all that a file declares. */
function symbolsOf(file: FileDescriptorProto): ReadonlySet<string> {
  const names = new Set<string>();
  const addMessages = (scope: string, messages: FileDescriptorProto["messageType"]): void => {
    for (const message of messages) {
      const name = `${scope}.${message.name}`;
      names.add(name);
      for (const { name: field } of message.field) names.add(`${name}.${field}`);
      for (const { name: inner } of message.enumType) names.add(`${name}.${inner}`);
      addMessages(name, message.nestedType);
    }
  };
  addMessages(file.package, file.messageType);
  for (const { name } of file.enumType) names.add(`${file.package}.${name}`);
  for (const { name, method } of file.service) {
    names.add(`${file.package}.${name}`);
    for (const { name: call } of method) names.add(`${file.package}.${name}.${call}`);
  }
  return names;
}

function servedFiles(): readonly FileDescriptorProto[] {
  const files = new Map<string, FileDescriptorProto>();
  const add = (file: DescFile): void => {
    if (files.has(file.proto.name)) return;
    files.set(file.proto.name, file.proto);
    for (const imported of file.dependencies) add(imported);
  };
  for (const service of [GRPCInferenceService, Health, ServerReflection]) add(service.file);
  return [...files.values(), olderReflection()];
}

/** The older version's file: the newer one's under the older name. */
function olderReflection(): FileDescriptorProto {
  const [newer, older] = REFLECTION_PACKAGES;
  const file = clone(FileDescriptorProtoSchema, ServerReflection.file.proto);
  file.name = file.name.replace(/\.proto$/, "_v1alpha.proto");
  file.package = older;
  const renamed = (type: string): string => type.replace(`.${newer}.`, `.${older}.`);
  for (const message of file.messageType)
    for (const field of message.field) if (field.typeName !== "") field.typeName = renamed(field.typeName);
  for (const service of file.service)
    for (const method of service.method) {
      method.inputType = renamed(method.inputType);
      method.outputType = renamed(method.outputType);
    }
  return file;
}
