/** What became of a question. */
export type Reply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string; readonly tag?: string };

/** From the front to a process. A connection travels along with `connection`. */
export type ToProcess =
  | { readonly type: "start"; readonly index: number; readonly count: number; readonly init: unknown }
  | { readonly type: "connection"; readonly id: number; readonly port: string }
  | { readonly type: "ask"; readonly id: number; readonly question: unknown }
  | { readonly type: "reply"; readonly id: number; readonly reply: Reply };

/** From a process to the front. */
export type FromProcess =
  /** A connection has arrived. */
  | { readonly type: "taken"; readonly id: number }
  | { readonly type: "ready" }
  | { readonly type: "failed"; readonly message: string; readonly tag?: string }
  | { readonly type: "ask"; readonly id: number; readonly question: unknown }
  | { readonly type: "reply"; readonly id: number; readonly reply: Reply };
