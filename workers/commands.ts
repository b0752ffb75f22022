import {
  CommandError,
  commandService,
  defineCommand,
  type PolicyDocument,
  type RegisteredCommand,
  textArgument,
} from "ninelives/control";
import type { Env } from "./env.ts";
import { type Gateway, gatewayOf, type Route } from "./gateway.ts";

/** Sends commands to the control plane of an environment. */
export function commandsOf(env: Env): ReturnType<typeof commandService> {
  const control = env.CONTROL.getByName("control");
  return commandService({
    commands: definitions(env),
    audit: { append: (draft) => control.append(draft) },
    results: {
      result: (identity, id) => control.result(identity, id),
      keepResult: (identity, result) => control.keepResult(identity, result),
    },
  });
}

/** The commands that this Worker knows. */
export function definitions(env: Env): RegisteredCommand[] {
  return [
    circuitCommand(env, "open"),
    circuitCommand(env, "close"),
    circuitCommand(env, "reset"),
    defineCommand({
      name: "policy.list",
      input: () => undefined,
      run: () => policyDocuments(env),
    }),
    defineCommand({
      name: "policy.get",
      input: (args) => textArgument(args, "name"),
      run: async (name) => {
        routeOf(gatewayOf(env), name);
        return (await policyDocuments(env)).find((document) => document.name === name);
      },
    }),
    defineCommand({
      name: "policy.set",
      input: (args) => ({
        name: textArgument(args, "name"),
        text: textArgument(args, "text"),
        version: versionArgument(args),
      }),
      run: async ({ name, text, version }, { identity }) => {
        const gateway = gatewayOf(env);
        routeOf(gateway, name);
        try {
          gateway.check(name, text);
        } catch (error) {
          throw new CommandError("invalid-arguments", `text: ${(error as Error).message}`, error);
        }
        const control = env.CONTROL.getByName("control");
        const change = await control.setDocument(name, text, version, identity.name);
        if ("conflict" in change) {
          const { expected, found } = change.conflict;
          throw new CommandError(
            "conflict",
            `version ${expected} was expected, but ${name} has version ${found}`,
          );
        }
        await gateway.apply(change.document);
        return change.document;
      },
    }),
  ];
}

/** The policies of all upstreams: as configured, or as the documents changed them. */
export async function policyDocuments(env: Env): Promise<PolicyDocument[]> {
  const changed = await env.CONTROL.getByName("control").documents();
  return [...gatewayOf(env).routes.values()]
    .filter(({ upstream }) => !upstream.quiet)
    .map(({ upstream }) => {
      const configured = {
        name: upstream.name,
        text: upstream.policy,
        version: 0,
        updatedAt: null,
        updatedBy: null,
      };
      return changed.find(({ name }) => name === upstream.name) ?? configured;
    });
}

/** Opens, closes or resets a shared circuit: at its home, and at once in this isolate. */
function circuitCommand(env: Env, what: "open" | "close" | "reset"): RegisteredCommand {
  return defineCommand({
    name: `circuit.${what}`,
    input: (args) => textArgument(args, "circuit"),
    run: async (circuit) => {
      const gateway = gatewayOf(env);
      const route = [...gateway.routes.values()].find(({ circuits }) => circuits.has(circuit));
      if (route === undefined) {
        const known = [...gateway.routes.values()].flatMap(({ circuits }) => [...circuits.keys()]);
        throw new CommandError("not-found", `there is no circuit ${circuit}; there are ${known.join(", ")}`);
      }
      const home = env.CIRCUITS.getByName(circuit);
      const from = (await home.view())?.state ?? "closed";
      const view = await home.command(what);
      await route.circuits.get(circuit)?.sync();
      const stamp = { policy: route.upstream.name, at: Date.now(), circuit, from };
      if (what === "open") {
        gateway.sink.emit({ ...stamp, type: "circuit.opened", failureRate: 0, reason: "forced" });
      } else gateway.sink.emit({ ...stamp, type: "circuit.closed", openFor: 0 });
      await gateway.sink.flush();
      return { circuit, state: view.state, epoch: view.epoch };
    },
  });
}

function routeOf(gateway: Gateway, name: string): Route {
  const route = gateway.routes.get(name);
  if (route !== undefined) return route;
  const known = [...gateway.routes.keys()].join(", ");
  throw new CommandError("not-found", `there is no policy ${name}; there are ${known}`);
}

function versionArgument(args: Readonly<Record<string, unknown>>): number {
  const { version } = args;
  if (Number.isSafeInteger(version) && (version as number) >= 0) return version as number;
  throw new CommandError(
    "invalid-arguments",
    `version must be the version that you saw, but is ${JSON.stringify(version) ?? "missing"}`,
  );
}
