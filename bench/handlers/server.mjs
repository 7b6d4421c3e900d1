// A handler's server in a process of its own: says where it is, and its CPU time when its input is closed.
import { serveHandler } from "@strainflow/handlers";

const { path, workers } = JSON.parse(process.argv[2]);
const server = await serveHandler({ path, workers, port: 0 });
process.stdout.write(`${JSON.stringify({ url: server.url })}\n`);
process.stdin.resume();
process.stdin.on("end", async () => {
  await server.close();
  const { user, system } = process.cpuUsage();
  process.stdout.write(`${JSON.stringify({ cpuSeconds: (user + system) / 1e6 })}\n`);
});
