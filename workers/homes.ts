import { compose, environment, timeout } from "ninelives";
import type { Env } from "./env.ts";

/** The control plane's object. A silent one rejects by `timeout`, as all that are here do: nobody waits for ever. */
export function controlOf(env: Env): ReturnType<Env["CONTROL"]["getByName"]> {
  return inTime(env.CONTROL.getByName("control"), "control");
}

/** The home of a circuit or of a limit. */
export function circuitHome(env: Env, name: string): ReturnType<Env["CIRCUITS"]["getByName"]> {
  return inTime(env.CIRCUITS.getByName(name), "circuits");
}

/** The registry of a service; nothing where none is bound. */
export function registryHome(env: Env, service: string) {
  const stub = env.REGISTRY?.getByName(service);
  return stub && inTime(stub, "registry");
}

/** An object whose every method answers within five seconds. @param name for the rejection */
export function inTime<T extends object>(stub: T, name: string): T {
  const policy = compose(environment({ name }), timeout("5s"));
  const methods = stub as Readonly<Record<PropertyKey, (...args: unknown[]) => Promise<unknown>>>;
  return new Proxy(stub, {
    // It is no promise, though any name is a method of a stub.
    get: (_, method) =>
      method === "then"
        ? undefined
        : (...args: unknown[]) => policy.execute(async () => methods[method]?.(...args)),
  });
}
