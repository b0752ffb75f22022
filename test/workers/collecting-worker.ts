import type { Env } from "../../workers/env.ts";
import worker from "../../workers/index.ts";
import { bare } from "./bare-collector.ts";

export {
  CircuitObject,
  ControlObject,
  ObserverObject,
  ObserverParent,
  RegistryObject,
} from "../../workers/index.ts";

/** Our Worker, and at `/bare` what its collector is measured against. */
const collecting: ExportedHandler<Env> = {
  fetch(request, env, execution) {
    if (new URL(request.url).pathname === "/bare") return bare.fetch(request);
    return worker.fetch(request, env, execution);
  },
};

// biome-ignore lint/style/noDefaultExport: the platform wants the handler so.
export default collecting;
