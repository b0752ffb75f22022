import { answerRequest } from "./answer-request.ts";
import type { OriginObject } from "./origin-object.ts";

export { OriginObject } from "./origin-object.ts";

interface Env {
  readonly ORIGIN: DurableObjectNamespace<OriginObject>;
}

// Workers are found by a default export.
export default {
  fetch: (request, env) => answerRequest(request, env.ORIGIN.getByName("origin")),
} satisfies ExportedHandler<Env>;
