export { type AlertCondition, type AlertRule, type CheckedRule, checkRules } from "./alert-rules.ts";
export {
  type AlertNotice,
  type AlertReport,
  type AlertSubject,
  Alerts,
  type AlertsSnapshot,
} from "./alerts.ts";
export { Forgotten } from "./forgotten.ts";
export { History } from "./history.ts";
export { type LiveMessage, type LiveRequest, liveProtocol, type ObservedEvent } from "./live.ts";
export { type Counted, metricsOf } from "./metrics.ts";
export type { ObservedBatch } from "./observed-batch.ts";
export {
  Observer,
  otherPolicies,
  type PolicySnapshot,
  type PolicyTotals,
} from "./observer.ts";
export { inOwnTime } from "./own-time.ts";
export {
  type CountedPart,
  isAbsent,
  mergedAlerts,
  mergedCounts,
  mergedOthers,
  mergedState,
  type ObserverPart,
  type OtherPolicies,
  shardOf,
} from "./shards.ts";
export type { SlotSnapshot } from "./slot.ts";
export {
  type AbsentShards,
  type CircuitReport,
  type DocumentReport,
  type Gap,
  type Limits,
  type PolicyState,
  type Series,
  type SystemState,
  type Turn,
  type WindowName,
  type WindowState,
  windowSpans,
} from "./system-state.ts";
export { type PolicyTally, Tally, type TallyPart } from "./tally.ts";
export { ToldParts } from "./told-parts.ts";
export { worstState } from "./worst-state.ts";
