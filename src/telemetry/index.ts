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
  batchVersion,
  type EventBatch,
  largestBatch,
  type Receipt,
  type RejectedEvent,
  readBatch,
  readBatchText,
} from "./batch-format.ts";
export { type EventShelf, keptIn, type TextStorage } from "./kept-in.ts";
export { filtered, sampled } from "./narrow.ts";
export { type OtlpOptions, otlp, type Signal } from "./otlp/otlp.ts";
export type { Attributes, AttributeValue } from "./otlp/wire.ts";
export { classifyDelivery, DeliveryError, type OverHttpOptions, overHttp } from "./over-http.ts";
export { openMetricsText, openMetricsType, prometheusText, prometheusType } from "./prometheus.ts";
export { isAtLeast, type Severity, severityOf } from "./severity.ts";
export { consoleSink, type MemorySink, memorySink, multicast, nullSink } from "./sinks.ts";
export { type EventReader, type StreamSink, type StreamSinkOptions, streamSink } from "./stream-sink.ts";
