/** What `run.ts` bundles: everything that must run as plain JavaScript, and nothing else. */
export { bytesPerCall, bytesPerInstance, heapAfterCollection } from "./heap.ts";
export { loopbackTable, loopbackTitle, overLoopback } from "./loopback.ts";
export { measure } from "./measure.ts";
export { emitters, eventsPerCall, instances, sections } from "./subjects.ts";
