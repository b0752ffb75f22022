export { CircuitObject } from "./circuit-object.ts";
export { ControlObject, type DocumentChange } from "./control-object.ts";
export { ObserverObject } from "./observer-object.ts";
