export { resilientFetch } from "../resilient-fetch.ts";
export { CircuitObject } from "./circuit-object.ts";
export { ControlObject, type PolledDocuments } from "./control-object.ts";
export { ObserverObject } from "./observer-object.ts";
export { ObserverParent } from "./observer-parent.ts";
export { type RegisteredNow, RegistryObject } from "./registry-object.ts";
