/// <reference path="./webassembly.d.ts" />

/** An array in the memory that kernels work on. */
export interface KernelArray {
  /** Its address, in bytes. */
  readonly at: number;
  readonly values: Float64Array;
}

/** Bytes between arrays, so that no two begin at the same place of a memory page: see `split-arrays.ts`. */
const APART = 9 * 64;
const PAGE = 65_536;

const compiled = new Map<string, WebAssembly.Module>();

/**
 * Kernels in WebAssembly, over a memory of their own that holds arrays of these sizes, each from a multiple of 16 bytes.
 *
 * @param wasm a module in base64 that imports `env.memory`; compiled once
 */
export function createKernels<K>(
  wasm: string,
  sizes: readonly number[],
): { readonly kernels: K; readonly arrays: readonly KernelArray[] } {
  let bytes = 0;
  const places = sizes.map((size) => {
    const at = bytes;
    bytes += Math.ceil(size / 2) * 16 + APART;
    return { at, size };
  });
  const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE) });
  const module = compiled.get(wasm) ?? new WebAssembly.Module(Buffer.from(wasm, "base64"));
  compiled.set(wasm, module);
  const { exports: kernels } = new WebAssembly.Instance<K>(module, { env: { memory } });
  return {
    kernels,
    arrays: places.map(({ at, size }) => ({ at, values: new Float64Array(memory.buffer, at, size) })),
  };
}
