import type { Env } from "../../workers/env.ts";
import worker from "../../workers/index.ts";

export {
  CircuitObject,
  ControlObject,
  ObserverObject,
  ObserverParent,
  RegistryObject,
} from "../../workers/index.ts";

/** Calls of Durable Objects, by binding. */
const calls: Record<string, number> = { CIRCUITS: 0, OBSERVER: 0, CONTROL: 0 };
/** Whether no Durable Object answers any call. */
let mute = false;

function counting(env: Env, binding: "CIRCUITS" | "OBSERVER" | "CONTROL") {
  const count = (name: string) =>
    new Proxy(env[binding].getByName(name) as object, {
      get(stub, method) {
        const call = Reflect.get(stub, method) as (...args: unknown[]) => unknown;
        return (...args: unknown[]) => {
          calls[binding] = (calls[binding] ?? 0) + 1;
          if (mute) return new Promise(() => {});
          return Reflect.apply(call, stub, args);
        };
      },
    });
  return { getByName: count };
}

let counted: Env | undefined;

/** Our Worker, which tells at `/calls` how often it called a Durable Object. */
const counter: ExportedHandler<Env> = {
  fetch(request, env, execution) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/calls") {
      const told = { ...calls };
      for (const binding of Object.keys(calls)) calls[binding] = 0;
      mute = searchParams.get("mute") === "true";
      return Response.json(told);
    }
    counted ??= {
      ...env,
      CIRCUITS: counting(env, "CIRCUITS"),
      OBSERVER: counting(env, "OBSERVER"),
      CONTROL: counting(env, "CONTROL"),
    } as unknown as Env;
    return worker.fetch(request, counted, execution);
  },
};

// biome-ignore lint/style/noDefaultExport: the platform wants the handler so.
export default counter;
