export { type LaunchedServer, type LaunchOptions, launch } from "./launch.ts";
export type { ServerExit } from "./server-process.ts";
export type { ServerEvent, SupervisePolicy } from "./supervise.ts";
