export { createHttpCaller, type HttpCall, type HttpCaller, type HttpReply } from "./http-caller.ts";
export { type MetricFamily, type MetricsText, parseMetrics, type TextProblem } from "./parse-metrics.ts";
export { checkPusher, createPusher, type Pusher, type PusherOptions, type PushState } from "./pusher.ts";
export { type MetricSample, metricValue } from "./sample-line.ts";
export { countersOf, sumMetrics } from "./sum-metrics.ts";
export { METRICS_TYPE, type WrittenFamily, type WrittenValue, writeMetrics } from "./write-metrics.ts";
