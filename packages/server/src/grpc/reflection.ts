import { clone, create, type DescFile, toBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import {
  GRPCInferenceService,
  Health,
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "@strainflow/proto";
import { framed } from "../requests/message-prefix.ts";
import type { Call, CallHandler } from "./call.ts";
import type { Endpoint } from "./endpoint.ts";
import { STATUS } from "./status.ts";
import { read } from "./unary.ts";

/** Both versions have the same messages under two names; older clients ask for the older one alone. */
export const REFLECTION_PACKAGES = ["grpc.reflection.v1", "grpc.reflection.v1alpha"] as const;

/** gRPC reflection: tools like grpcurl learn from it what is served. One endpoint per version of the protocol. */
export function reflectionEndpoint(packageName: (typeof REFLECTION_PACKAGES)[number]): Endpoint {
  const files = servedFiles();
  return {
    path: `/${packageName}.ServerReflection/${ServerReflection.method.serverReflectionInfo.name}`,
    open: (call) => new Reflection(call, files),
  };
}

class Reflection implements CallHandler {
  readonly #call: Call;
  readonly #files: readonly FileDescriptorProto[];

  constructor(call: Call, files: readonly FileDescriptorProto[]) {
    this.#call = call;
    this.#files = files;
  }

  message(message: Buffer): void {
    const request = read(this.#call, ServerReflectionRequestSchema, message);
    if (request === undefined) return;
    const response = toBinary(ServerReflectionResponseSchema, answer(this.#files, request));
    if (!this.#call.send(framed(response))) this.#call.pause();
  }

  drained(): void {
    this.#call.resume();
  }

  end(): void {
    this.#call.finish();
  }

  lost(): void {}
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
        errorCode: STATUS.NOT_FOUND,
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
