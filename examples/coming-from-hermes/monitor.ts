// Latency of an ensemble's steps into a file, until a line comes in: model, host, gRPC port, metrics port, file.
import { once } from "node:events";
import { createCsvSink, monitorServers, runSinks } from "@strainflow/monitor";

const [model = "", host = "", grpcPort = "", metricsPort = "", file = ""] = process.argv.slice(2);
const stop = new AbortController();
const samples = monitorServers({
  servers: [`http://${host}:${metricsPort}/metrics,grpc://${host}:${grpcPort}`],
  intervalMs: 50,
  signal: stop.signal,
});
const running = runSinks(samples, [await createCsvSink(file, { models: [model] })]);
console.log("ready");
await once(process.stdin, "data");
process.stdin.destroy();
stop.abort();
await running;
