import {
  CommandError,
  defineCommand,
  type HeldCircuits,
  object,
  optional,
  type RegisteredCommand,
  text,
} from "ninelives/control";
import type { Env } from "./env.ts";
import { gatewayOf } from "./gateway.ts";
import { circuitHome } from "./homes.ts";

const does = {
  open: "Opens a circuit, which then stays open until somebody closes or resets it.",
  isolate: "The same as circuit.open, by the name that it has elsewhere.",
  close: "Closes a circuit, and forgets why it opened.",
  reset: "Closes a circuit and forgets all that it has seen.",
} as const;

/** Opens, isolates, closes or resets a shared circuit: at its home, and at once in this isolate. */
export function circuitCommands(env: Env): RegisteredCommand[] {
  return (Object.keys(does) as (keyof typeof does)[]).map((what) =>
    defineCommand({
      name: `circuit.${what}`,
      description: does[what],
      input: object({
        circuit: text({ most: 200, description: "its name, such as prices or prices.2" }),
        reason: optional(text({ most: 300, description: "why, for the audit log" })),
      }),
      output: {
        type: "object",
        required: ["circuit", "state", "epoch"],
        properties: { circuit: { type: "string" }, state: { type: "string" }, epoch: { type: "integer" } },
      },
      touches: ({ circuit }) => circuit,
      run: ({ circuit }) => turned(env, circuit, what === "isolate" ? "open" : what),
    }),
  );
}

async function turned(env: Env, circuit: string, what: "open" | "close" | "reset") {
  const gateway = gatewayOf(env);
  const route = [...gateway.routes.values()].find(({ circuits }) => circuits.has(circuit));
  if (route === undefined) {
    const there = [...gateway.routes.values()].flatMap(({ circuits }) => [...circuits.keys()]);
    throw new CommandError("not-found", `there is no circuit ${circuit}`, { there });
  }
  const home = circuitHome(env, circuit);
  const from = (await home.view())?.state ?? "closed";
  const view = await home.command(what);
  await route.circuits.get(circuit)?.sync();
  const stamp = { policy: route.reportsAs, at: Date.now(), circuit, from };
  if (what === "open") {
    gateway.sink.emit({ ...stamp, type: "circuit.opened", failureRate: 0, reason: "forced" });
  } else gateway.sink.emit({ ...stamp, type: "circuit.closed", openFor: 0 });
  await gateway.sink.flush();
  return { circuit, state: view.state, epoch: view.epoch };
}

/** The circuits that are held open in the fleet. */
export function heldCircuits(env: Env): HeldCircuits {
  const known = () => [...gatewayOf(env).routes.values()].flatMap(({ circuits }) => [...circuits.keys()]);
  const held = async () => {
    const states = await Promise.all(
      known().map(async (circuit) => [circuit, (await circuitHome(env, circuit).view())?.state] as const),
    );
    return states.filter(([, state]) => state === "forced-open").map(([circuit]) => circuit);
  };
  return {
    held,
    async hold(circuits) {
      const before = await held();
      const there = known();
      const open = circuits.filter((circuit) => there.includes(circuit) && !before.includes(circuit));
      for (const circuit of open) await turned(env, circuit, "open");
      for (const circuit of before) if (!circuits.includes(circuit)) await turned(env, circuit, "close");
    },
  };
}
