// Preloaded into a server (node --import): says to its parent, every second, what it holds.
import { readdirSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

/** Come and go with every request. */
const PASSING = new Set(["Timeout", "Immediate", "TickObject"]);

if (isMainThread && process.connected)
  setInterval(() => {
    const handles = process.getActiveResourcesInfo().filter((kind) => !PASSING.has(kind));
    process.send({
      type: "sample",
      rss: process.memoryUsage.rss(),
      files: readdirSync("/proc/self/fd").length,
      threads: readdirSync("/proc/self/task").length,
      handles: handles.length,
    });
  }, 1000).unref();
