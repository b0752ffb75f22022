import {
  CommandError,
  defineCommand,
  longestName,
  object,
  optional,
  type RegisteredCommand,
  reaches,
  text,
} from "ninelives/control";
import type { Env } from "./env.ts";
import { gatewayOf, routeOf } from "./gateway.ts";
import { circuitHome } from "./homes.ts";

/** What one asks before one does anything: whether it runs, and how its circuits are. */
export function stateCommands(env: Env): RegisteredCommand[] {
  return [
    defineCommand({
      name: "health",
      description: "Tells whether the Worker runs, and which upstreams it has.",
      scope: "read",
      readOnly: true,
      input: object({}),
      output: {
        type: "object",
        required: ["status", "upstreams"],
        properties: { status: { const: "ok" }, upstreams: { type: "array", items: { type: "string" } } },
      },
      touches: "each",
      run: async (_, { identity }) => ({
        status: "ok",
        upstreams: [...gatewayOf(env).upstreams.keys()].filter((name) => reaches(identity, name)),
      }),
    }),
    defineCommand({
      name: "state",
      description: "Tells the state of the circuits of one policy, or of all, as the fleet has it.",
      scope: "read",
      readOnly: true,
      input: object({ name: optional(text({ most: longestName, description: "a policy; all without it" })) }),
      output: {
        type: "array",
        items: {
          type: "object",
          required: ["policy", "circuit", "state", "epoch"],
          properties: {
            policy: { type: "string" },
            circuit: { type: "string" },
            state: { type: "string" },
            epoch: { type: "integer" },
          },
        },
      },
      touches: "each",
      run: async ({ name }, { identity }) => {
        if (name !== undefined && !reaches(identity, name)) {
          throw new CommandError("forbidden", `${name} is not among the policies of ${identity.name}`);
        }
        const gateway = gatewayOf(env);
        const routes = name === undefined ? [...gateway.routes.values()] : [routeOf(gateway, name)];
        const visible = routes.filter((route) => reaches(identity, route.name));
        const circuits = visible.flatMap(({ name: policy, circuits }) =>
          [...circuits.keys()].map((circuit) => ({ policy, circuit })),
        );
        return Promise.all(
          circuits.map(async (each) => {
            const view = await circuitHome(env, each.circuit).view();
            return { ...each, state: view?.state ?? "closed", epoch: view?.epoch ?? 0 };
          }),
        );
      },
    }),
  ];
}
