export type { Overflow } from "./block-queue.ts";
export type { Notice } from "./incoming-stream.ts";
export type { LiveSource, LiveStats } from "./live-source.ts";
export { receive } from "./receiver.ts";
export type { Receiver, ReceiverOptions } from "./receiver-options.ts";
export { type ReplayClock, type ReplayInput, type ReplayOptions, replayPaced } from "./replay-paced.ts";
export { createSender, type Sender, type SenderOptions } from "./sender.ts";
