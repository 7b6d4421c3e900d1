export { type Asking, type Front, type FrontOptions, openFront } from "./front.ts";
export { joinFront, type Member, type Place } from "./join-front.ts";
export type { PortOptions } from "./open-port.ts";
