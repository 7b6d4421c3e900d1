export { findImage } from "./container-image.ts";
export { type LaunchedServer, launch } from "./launch.ts";
export type {
  ApptainerLaunch,
  DockerLaunch,
  EmbeddedLaunch,
  LaunchOptions,
  TritonLaunch,
} from "./launch-options.ts";
export type { LogTarget } from "./log-target.ts";
export type { ServerExit } from "./server-process.ts";
export type { ServerEvent, SupervisePolicy } from "./supervise.ts";
