import {
  create,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type MessageInitShape,
  type MessageShape,
  toJson,
} from "@bufbuild/protobuf";
import { isStrainflowError, StrainflowError } from "@strainflow/series";
import type { CallLimits } from "../call-options.ts";
import { type CallFacts, callFailed, malformedResponse } from "../errors.ts";
import { decodeHttpResponse, encodeHttpRequest } from "../tensors/http-tensors.ts";
import { jsonText } from "../tensors/json-text.ts";
import type { Address } from "./address.ts";
import { factsOf } from "./grpc-link.ts";
import { type GrpcFailure, grpcFailure, isGrpcFailure } from "./grpc-status.ts";
import { answerFailure, createHttpExchange, type HttpAnswer } from "./http-exchange.ts";
import { decodeGenerate, encodeGenerate, eventData } from "./http-generate.ts";
import { httpRoute } from "./http-routes.ts";
import type { Link, ModelTarget } from "./link.ts";
import type { TransportOptions } from "./transport.ts";
import type { UnaryMethod } from "./unary.ts";

/** A server by HTTP, tensors in binary. It has no streams. */
export function createHttpLink(address: Address, connections: number, options: TransportOptions): Link {
  const exchange = createHttpExchange(address, connections, options);

  function failed(method: string, cause: unknown, limits: CallLimits, facts: CallFacts): StrainflowError {
    const { status, details }: GrpcFailure = isGrpcFailure(cause)
      ? cause
      : grpcFailure("UNKNOWN", String(cause));
    return callFailed(
      { address: address.text, method, status, serverMessage: details, signal: limits.signal, cause },
      facts,
    );
  }

  async function call<I extends DescMessage, O extends DescMessage>(
    method: UnaryMethod<I, O>,
    request: MessageInitShape<I>,
    limits: CallLimits,
  ): Promise<MessageShape<O>> {
    const json = toJson(method.input, create(method.input, request), { useProtoFieldName: true });
    const route = httpRoute(method.name, isObject(json) ? json : {});
    if (route === undefined)
      throw new StrainflowError("rpc-failed", `${method.name} at ${address.text}: HTTP has no such call`);
    let answer: HttpAnswer;
    try {
      const body = route.body === undefined ? "" : jsonText(route.body);
      answer = await exchange.request(
        route.verb,
        route.path,
        route.verb === "GET" ? undefined : Buffer.from(body, "utf8"),
        route.verb === "GET" ? {} : JSON_TYPE,
        limits,
      );
      if (answer.status !== 200 && route.status === undefined) throw answerFailure(answer);
    } catch (cause) {
      throw failed(method.name, cause, limits, factsOf(request));
    }
    return fromJson(method.output, read(), { ignoreUnknownFields: true });

    function read(): JsonValue {
      if (route?.status !== undefined) return route.status(answer.status === 200);
      const text = answer.body.toString("utf8");
      const parsed = text === "" ? {} : parseJson(text, method.name);
      return route?.read?.(parsed) ?? parsed;
    }
  }

  return {
    address: address.text,
    async ready(limitMs) {
      const limits = { timeoutMs: limitMs };
      try {
        await exchange.request("GET", "/v2/health/live", undefined, {}, limits);
      } catch (cause) {
        throw failed("ServerLive", cause, limits, {});
      }
    },
    call,
    async infer(target, request, limits) {
      const { bytes, jsonSize } = encodeHttpRequest(request);
      const facts = {
        modelName: target.name,
        requestId: request.id,
        sequenceId: request.sequence?.id,
      };
      let answer: HttpAnswer;
      try {
        answer = await exchange.request(
          "POST",
          modelPath(target, "infer"),
          bytes,
          {
            "content-type": "application/octet-stream",
            "inference-header-content-length": String(jsonSize),
          },
          limits,
          true,
        );
        if (answer.status !== 200) throw answerFailure(answer);
      } catch (cause) {
        throw failed("ModelInfer", cause, limits, facts);
      }
      const said = answer.headers["inference-header-content-length"];
      return decodeHttpResponse(answer.body, said === undefined ? undefined : Number(said), request);
    },
    async generate(target, request, limits) {
      let answer: HttpAnswer;
      try {
        const path = modelPath(target, "generate");
        answer = await exchange.request("POST", path, encodeGenerate(request), JSON_TYPE, limits);
        if (answer.status !== 200) throw answerFailure(answer);
      } catch (cause) {
        throw failed("generate", cause, limits, { modelName: target.name, requestId: request.id });
      }
      return decodeGenerate(answer.body.toString("utf8"), target.name, request);
    },
    async *generateStream(target, request, limits) {
      const facts = { modelName: target.name, requestId: request.id };
      try {
        const path = modelPath(target, "generate_stream");
        const { status, chunks } = await exchange.stream(path, encodeGenerate(request), JSON_TYPE, limits);
        if (status !== 200) {
          const body: Buffer[] = [];
          for await (const chunk of chunks) body.push(chunk);
          throw answerFailure({ status, headers: {}, body: Buffer.concat(body) });
        }
        for await (const data of eventData(chunks)) yield decodeGenerate(data, target.name, request);
      } catch (cause) {
        throw isStrainflowError(cause) ? cause : failed("generate_stream", cause, limits, facts);
      }
    },
    open(target) {
      throw new StrainflowError(
        "no-streams",
        `model "${target.name}" at ${address.text} is reached by HTTP, which has no streams; connect by gRPC, or use infer`,
        { details: { address: address.text, modelName: target.name } },
      );
    },
    close: () => exchange.close(),
  };
}

const JSON_TYPE = { "content-type": "application/json" } as const;

function modelPath({ name, version }: ModelTarget, verb: string): string {
  const versions = version === "" ? "" : `/versions/${encodeURIComponent(version)}`;
  return `/v2/models/${encodeURIComponent(name)}${versions}/${verb}`;
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseJson(text: string, method: string): JsonValue {
  try {
    const value: JsonValue = JSON.parse(text);
    return value;
  } catch {
    throw malformedResponse(`${method} was answered with what is no JSON: ${text.slice(0, 80)}`);
  }
}
