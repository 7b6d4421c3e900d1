// In a thread of its own, so that whoever else computes here is not taken for a server that hangs: asks ten times a second
// whether the server lives, each time on a new connection, and tells the longest that it had to wait.
import { get } from "node:http";
import { parentPort, workerData } from "node:worker_threads";

let longest = 0;
let beat = performance.now();
/** How late this thread itself was, lately: a machine with too much to do is no server's fault. */
let late = 0;
setInterval(() => {
  const now = performance.now();
  late = Math.max(late / 2, now - beat - 20);
  beat = now;
}, 20);

function ask() {
  const from = performance.now();
  const answered = () => {
    longest = Math.max(longest, performance.now() - from - late);
    setTimeout(ask, 100);
  };
  get(`${workerData.address}/v2/health/live`, { agent: false, timeout: 20_000 }, (response) => {
    response.resume();
    response.on("end", answered);
  })
    .on("timeout", function () {
      this.destroy();
    })
    .on("error", answered);
}

ask();
parentPort.on("message", () => {
  parentPort.postMessage(longest);
  longest = 0;
});
