import {
  type InferCall,
  type InferListener,
  type InferRequest,
  type InferResponse,
  isStrainflowError,
  type StrainflowError,
} from "@strainflow/series";
import { afterEach } from "vitest";
import type { TritonListener } from "../request.ts";
import { openInferCall, type StreamLimits } from "../streams/infer-call.ts";
import { createRequestEncoder } from "../tensors/request-encoder.ts";
import { createResponseDecoder } from "../tensors/response-decoder.ts";
import { parseAddress } from "../transport/address.ts";
import { createTransportPool } from "../transport/pool.ts";
import type { Transport, TransportOptions } from "../transport/transport.ts";
import { type FakeOptions, type FakeServer, startFakeServer } from "./fake-server.ts";

/** What a test leaves behind, undone after it. */
export const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const LIMITS: StreamLimits = {
  maxBytesInFlight: 64 << 20,
  maxQueued: 16,
  responseTimeoutMs: 20_000,
  connectTimeoutMs: 5000,
};

export interface Recorder {
  readonly listener: InferListener;
  readonly responses: readonly InferResponse[];
  readonly events: readonly string[];
  error(): StrainflowError | undefined;
  wasToldInsideSend(): boolean;
  send(call: InferCall, request: InferRequest): boolean;
  until(condition: () => boolean): Promise<void>;
}

export interface Opened {
  readonly call: InferCall;
  readonly told: Recorder;
  /** Closes the client. */
  close(): void;
  /** Another call to the same server, after the first. */
  openAgain(listener: TritonListener): InferCall;
  /** The transport beneath it. */
  transport(): Transport;
}

/** What a listener was told, and a way to wait for it. */
export function recorder(): Recorder {
  const responses: InferResponse[] = [];
  const events: string[] = [];
  let error: StrainflowError | undefined;
  let inSend = false;
  let fromInsideSend = false;
  let wake: () => void = () => undefined;
  const told = (event: string): void => {
    fromInsideSend ||= inSend;
    events.push(event);
    wake();
  };
  const listener: InferListener = {
    response(response) {
      responses.push(response);
      told("response");
    },
    drain: () => told("drain"),
    closed: () => told("closed"),
    lost(lost) {
      if (isStrainflowError(lost)) error = lost;
      told("lost");
    },
  };
  return {
    listener,
    responses,
    events,
    error: () => error,
    wasToldInsideSend: () => fromInsideSend,
    send(call: InferCall, request: InferRequest): boolean {
      inSend = true;
      try {
        return call.send(request);
      } finally {
        inSend = false;
      }
    },
    async until(condition: () => boolean): Promise<void> {
      while (!condition())
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    },
  };
}

export async function start(options: FakeOptions = {}): Promise<FakeServer> {
  const server = await startFakeServer(options);
  cleanups.push(server.kill);
  return server;
}

export function open(
  address: string,
  options: TransportOptions & Partial<StreamLimits> & { readonly connections?: number },
): Opened {
  const pool = createTransportPool(parseAddress(address), options.connections ?? 1, options);
  cleanups.push(pool.close);
  const told = recorder();
  const openAgain = (listener: TritonListener): InferCall =>
    openInferCall({
      transport: pool.next(),
      modelName: "m",
      encoder: createRequestEncoder("m", ""),
      decoder: createResponseDecoder(),
      limits: { ...LIMITS, ...options },
      listener,
    });
  return { call: openAgain(told.listener), told, openAgain, close: pool.close, transport: pool.next };
}

export function request(id: number, size = 4): InferRequest {
  return {
    id: String(id),
    inputs: { stream: { datatype: "FP32", shape: [1, 1, size], data: new Float32Array(size).fill(id) } },
    sequence: { id: 77n, start: id === 0, end: false },
  };
}

export const ids = (responses: readonly InferResponse[]): string[] => responses.map(({ id }) => id);
export const range = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));
