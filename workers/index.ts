import { app } from "./app.ts";

export {
  CircuitObject,
  ControlObject,
  ObserverObject,
  ObserverParent,
  RegistryObject,
} from "./objects/index.ts";

// The platform wants the handler as the default export.
export default app;
