export type { PushState } from "@strainflow/metrics";
export { type Averages, averages } from "./averages.ts";
export { type CsvSinkOptions, createCsvSink } from "./csv-sink.ts";
export { createDeltas, type DeltaOptions, type Deltas, type ModelDelta, type ServerDelta } from "./deltas.ts";
export type { EnsembleStep } from "./ensemble-steps.ts";
export { createJsonLinesSink, sampleRecords } from "./json-lines-sink.ts";
export type { ClientLatency, LatencyHistogram, LatencySource } from "./latency-source.ts";
export {
  type CounterName,
  type ModelCounters,
  type ModelMetrics,
  modelMetrics,
  type RequestQuantiles,
} from "./model-counters.ts";
export type {
  AwaySample,
  ClientSample,
  ModelActivity,
  MonitorSample,
  NoStepsSample,
  SeenSample,
  ServerSample,
} from "./monitor-sample.ts";
export { type MonitorOptions, monitorServers } from "./monitor-servers.ts";
export { createParquetSink, type ParquetSink, type ParquetSinkOptions } from "./parquet-sink.ts";
export {
  createPrometheusEndpoint,
  type PrometheusEndpoint,
  type PrometheusEndpointOptions,
} from "./prometheus-endpoint.ts";
export { createPushgatewaySink, type PushgatewayOptions } from "./pushgateway-sink.ts";
export { type MonitoredServer, parseServer } from "./server-address.ts";
export { type MonitorSink, runSinks } from "./sink.ts";
export { createTableSink, type TableSinkOptions, type TableStream } from "./table-sink.ts";
