import { GRPCInferenceService } from "@strainflow/proto";
import { type CallOptions, callLimits } from "./call-options.ts";
import type { Servers } from "./transport/servers.ts";

/** A shared memory object that the server has opened (`/dev/shm` on Linux). */
export interface SystemRegion {
  readonly name: string;
  /** Name of the object, `/strain` for `/dev/shm/strain`. */
  readonly key: string;
  /** Bytes from its beginning. */
  readonly offset: number;
  /** Bytes. */
  readonly byteSize: number;
}

/** A piece of a GPU's memory that the server has opened. */
export interface CudaRegion {
  readonly name: string;
  readonly deviceId: number;
  /** Bytes. */
  readonly byteSize: number;
}

/** Regions that a server shares with its clients; all of this is about each server, where there are several. */
export interface SharedMemoryControl<Region, Registration> {
  /** Of one of the servers: all regions, or that of a name. @throws `rpc-failed` for a name that is not registered */
  status(name?: string, options?: CallOptions): Promise<readonly Region[]>;
  register(name: string, registration: Registration, options?: CallOptions): Promise<void>;
  /** All regions, or that of a name; nothing happens where it is not registered. */
  unregister(name?: string, options?: CallOptions): Promise<void>;
}

export type SystemMemory = SharedMemoryControl<
  SystemRegion,
  { readonly key: string; readonly byteSize: number; readonly offset?: number }
>;

export type CudaMemory = SharedMemoryControl<
  CudaRegion,
  {
    /** The 64 bytes of a `cudaIpcMemHandle_t`. */
    readonly rawHandle: Uint8Array;
    readonly deviceId: number;
    readonly byteSize: number;
  }
>;

const methods = GRPCInferenceService.method;

export function createSystemMemory(servers: Servers, callTimeoutMs: number): SystemMemory {
  return {
    async status(name = "", options = {}) {
      const limits = callLimits(options, callTimeoutMs);
      const { regions } = await servers.ask((link) =>
        link.call(methods.systemSharedMemoryStatus, { name }, limits),
      );
      return Object.values(regions).map((region) => ({
        name: region.name,
        key: region.key,
        offset: Number(region.offset),
        byteSize: Number(region.byteSize),
      }));
    },
    async register(name, { key, byteSize, offset = 0 }, options) {
      const request = { name, key, offset: BigInt(offset), byteSize: BigInt(byteSize) };
      const limits = callLimits(options, callTimeoutMs);
      await servers.tell((link) => link.call(methods.systemSharedMemoryRegister, request, limits));
    },
    async unregister(name = "", options = {}) {
      const limits = callLimits(options, callTimeoutMs);
      await servers.tell((link) => link.call(methods.systemSharedMemoryUnregister, { name }, limits));
    },
  };
}

export function createCudaMemory(servers: Servers, callTimeoutMs: number): CudaMemory {
  return {
    async status(name = "", options = {}) {
      const limits = callLimits(options, callTimeoutMs);
      const { regions } = await servers.ask((link) =>
        link.call(methods.cudaSharedMemoryStatus, { name }, limits),
      );
      return Object.values(regions).map((region) => ({
        name: region.name,
        deviceId: Number(region.deviceId),
        byteSize: Number(region.byteSize),
      }));
    },
    async register(name, { rawHandle, deviceId, byteSize }, options) {
      const request = { name, rawHandle, deviceId: BigInt(deviceId), byteSize: BigInt(byteSize) };
      const limits = callLimits(options, callTimeoutMs);
      await servers.tell((link) => link.call(methods.cudaSharedMemoryRegister, request, limits));
    },
    async unregister(name = "", options = {}) {
      const limits = callLimits(options, callTimeoutMs);
      await servers.tell((link) => link.call(methods.cudaSharedMemoryUnregister, { name }, limits));
    },
  };
}
