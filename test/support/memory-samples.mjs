// Preloaded into the strainflow command (node --import): writes down how much memory it holds, and the server that it has
// started, each time that the command says how far it has come. What is measured is the command as it is, with the
// default settings of Node.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

const samples = [];
let serverPeakBytes = 0;

/** Resident bytes of the processes that this one has started; nothing where there is no /proc. */
function childBytes() {
  let bytes = 0;
  try {
    for (const pid of readdirSync("/proc")) {
      if (!/^\d+$/.test(pid)) continue;
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      if (Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]) !== process.pid) continue;
      bytes += 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    }
  } catch {
    // A process may end while it is looked at.
  }
  return bytes;
}

function sample(dataSeconds) {
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  const server = childBytes();
  serverPeakBytes = Math.max(serverPeakBytes, server);
  samples.push({ dataSeconds, rss, heapUsed, external, arrayBuffers, server });
}

if (isMainThread) {
  // Progress is told to terminals only.
  process.stderr.isTTY = true;
  process.stderr.columns = 120;
  const write = process.stderr.write.bind(process.stderr);
  process.stderr.write = (text, ...rest) => {
    const done = /(\d+) of \d+ s/.exec(String(text));
    if (done !== null) {
      sample(Number(done[1]));
      return true;
    }
    return write(text, ...rest);
  };
  process.on("exit", () => {
    // The kernel's own maximum, so that nothing between two samples is missed; in KiB.
    const peakBytes = 1024 * process.resourceUsage().maxRSS;
    writeFileSync(
      process.env.STRAINFLOW_MEMORY_SAMPLES,
      JSON.stringify({ samples, peakBytes, serverPeakBytes }),
    );
  });
}
