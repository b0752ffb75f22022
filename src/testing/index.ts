export { ManualClock, type ManualClockOptions } from "./manual-clock.ts";
export { type RecordingSink, recordingSink } from "./recording-sink.ts";
export { type ScriptedCall, type ScriptedService, scriptedService } from "./scripted-service.ts";
export { seededRandom } from "./seeded-random.ts";
