import { GRPCInferenceService } from "@strainflow/proto";
import { openInferCall } from "../streams/infer-call.ts";
import { createRequestEncoder, type RequestEncoder } from "../tensors/request-encoder.ts";
import { sharedOutputs } from "../tensors/request-header.ts";
import { createResponseDecoder } from "../tensors/response-decoder.ts";
import type { Address } from "./address.ts";
import type { Link, ModelTarget } from "./link.ts";
import { createTransportPool } from "./pool.ts";
import type { TransportOptions } from "./transport.ts";
import { callRaw, callUnary } from "./unary.ts";

const INFER_PATH = `/${GRPCInferenceService.typeName}/ModelInfer`;

/** Encoders keep what repeats: for the models that are asked in turn, not for all there ever were. */
const MAX_ENCODERS = 64;

/** A server by gRPC. @throws `invalid-option` */
export function createGrpcLink(address: Address, connections: number, options: TransportOptions): Link {
  const pool = createTransportPool(address, connections, options);
  const encoders = new Map<string, RequestEncoder>();

  function encoderOf({ name, version }: ModelTarget): RequestEncoder {
    const key = `${version}/${name}`;
    let encoder = encoders.get(key);
    if (encoder === undefined) {
      if (encoders.size >= MAX_ENCODERS) encoders.clear();
      encoder = createRequestEncoder(name, version);
      encoders.set(key, encoder);
    }
    return encoder;
  }

  return {
    address: address.text,
    ready: (limitMs) => pool.next().ready(limitMs),
    call: (method, request, limits) => callUnary(pool.unary(), method, request, limits, factsOf(request)),
    async infer(target, request, limits) {
      const message = await callRaw(pool.unary(), INFER_PATH, encoderOf(target).encode(request), limits, {
        modelName: target.name,
        requestId: request.id,
        sequenceId: request.sequence?.id,
      });
      const { id, outputs, error, modelName, modelVersion, parameters } = createResponseDecoder().unary(
        message,
        () => sharedOutputs(request.outputs),
      );
      if (error !== undefined) throw error;
      return { id, outputs, modelName, modelVersion, parameters, final: true };
    },
    open: (target, limits, listener) =>
      openInferCall({
        transport: pool.next(),
        modelName: target.name,
        encoder: createRequestEncoder(target.name, target.version, target.decoupled),
        decoder: createResponseDecoder(),
        limits,
        listener,
        decoupled: target.decoupled,
        latencies: target.latencies,
      }),
    close: () => pool.close(),
  };
}

/** The model that a request is about, by either of the names that Triton's messages have for it. */
export function factsOf(request: object): { readonly modelName?: string } {
  const name =
    "modelName" in request
      ? request.modelName
      : "version" in request && "name" in request
        ? request.name
        : "";
  return typeof name === "string" && name !== "" ? { modelName: name } : {};
}
