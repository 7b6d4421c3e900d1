/** The little of WebAssembly that is used here; Node's own types leave it to the browser's. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Memory {
    constructor(size: { initial: number });
    readonly buffer: ArrayBuffer;
  }
  class Instance<T> {
    constructor(module: Module, imports: { env: { memory: Memory } });
    readonly exports: T;
  }
}
