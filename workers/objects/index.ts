export { CircuitObject } from "./circuit-object.ts";
export { ControlObject } from "./control-object.ts";
export type { DocumentOutcome } from "./document-table.ts";
export { ObserverObject } from "./observer-object.ts";
export { ObserverParent } from "./observer-parent.ts";
