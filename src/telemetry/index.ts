export { type BatchOptions, type BatchSink, batch } from "./batch.ts";
export {
  BatchError,
  type BatchSource,
  type EventBatch,
  type RejectedEvent,
  readBatch,
} from "./batch-format.ts";
export { DeliveryError, type OverHttpOptions, overHttp } from "./over-http.ts";
export { type MetricFamily, prometheusText, type Sample } from "./prometheus.ts";
export { consoleSink, type MemorySink, memorySink, multicast } from "./sinks.ts";
