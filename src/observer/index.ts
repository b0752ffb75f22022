export { type LiveMessage, type LiveRequest, liveProtocol, type ObservedEvent } from "./live.ts";
export {
  type CircuitReport,
  type PolicyState,
  type Series,
  type SystemState,
  type WindowName,
  type WindowState,
  windowSpans,
} from "./system-state.ts";
