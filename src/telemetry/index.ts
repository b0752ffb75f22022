export type {
  Exemplar,
  HistogramSample,
  HistogramValue,
  Labels,
  MetricFamily,
  Sample,
} from "../state/metric-family.ts";
export { type BatchOptions, type BatchSink, batch } from "./batch.ts";
export {
  BatchError,
  type BatchSource,
  type EventBatch,
  type RejectedEvent,
  readBatch,
} from "./batch-format.ts";
export { DeliveryError, type OverHttpOptions, overHttp } from "./over-http.ts";
export { openMetricsText, openMetricsType, prometheusText, prometheusType } from "./prometheus.ts";
export { consoleSink, type MemorySink, memorySink, multicast } from "./sinks.ts";
