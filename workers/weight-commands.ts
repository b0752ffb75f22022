import {
  CommandError,
  defineCommand,
  flag,
  inForce,
  json,
  object,
  optional,
  type RegisteredCommand,
  span,
  text,
  wholeNumber,
} from "ninelives/control";
import { planeOf } from "./document-plane.ts";
import type { Env } from "./env.ts";
import { gatewayOf, type Main } from "./gateway.ts";
import { readWeights, weightsDocument } from "./weights.ts";

const upstream = text({ most: 100, description: "whose members they are" });
const weightsSchema = {
  type: "object",
  additionalProperties: { type: "number", minimum: 0, maximum: 1_000 },
};
const output = {
  type: "object",
  required: ["upstream", "version", "weights"],
  properties: {
    upstream: { type: "string" },
    version: { type: "integer" },
    weights: weightsSchema,
    until: { type: "integer", description: "when this takes itself back" },
  },
};

/** Turns the weights of a group's members: what a canary and a failover do. */
export function weightCommands(env: Env): RegisteredCommand[] {
  return [
    defineCommand({
      name: "weight.get",
      description: "Tells the weights of an upstream's members as they are in force.",
      readOnly: true,
      input: object({ upstream }),
      output,
      touches: ({ upstream }) => upstream,
      run: async ({ upstream }) => {
        const { text, version, until } = await documentOf(env, routeOf(env, upstream));
        return answer(routeOf(env, upstream), text, version, until);
      },
    }),
    defineCommand({
      name: "weight.set",
      description:
        "Turns weights of an upstream's members, for good or for a while; members that are not named keep theirs.",
      input: object({
        upstream,
        weights: json('such as { "canary": 5 }; null is what the configuration says', {
          type: "object",
          additionalProperties: { oneOf: [{ type: "number", minimum: 0, maximum: 1_000 }, { type: "null" }] },
        }),
        version: optional(wholeNumber({ description: "the version that you saw; any without it" })),
        expiresIn: optional(span("after which they turn back by themselves")),
        dryRun: optional(flag("only tells what they would be")),
        reason: optional(text({ most: 300, description: "why, for the audit log" })),
      }),
      output,
      touches: ({ upstream }) => upstream,
      run: async ({ upstream, weights, version, expiresIn, dryRun }, { identity }) => {
        const route = routeOf(env, upstream);
        const before = await documentOf(env, route);
        const next = changed(before.text, weights, route);
        if (dryRun) return answer(route, next, before.version, undefined);
        const { store, apply } = planeOf(env);
        const change = {
          text: next,
          expected: version ?? before.version,
          by: identity.name,
          holds: expiresIn,
        };
        const outcome = await store.change(weightsDocument(upstream), "{}", change);
        if ("conflict" in outcome) {
          const { expected, found } = outcome.conflict;
          const message = `version ${expected} was expected, but the weights of ${upstream} have version ${found}`;
          throw new CommandError("conflict", message, { members: { expected, found } });
        }
        await apply(outcome.document);
        return answer(route, next, outcome.document.version, outcome.document.until);
      },
    }),
  ];
}

/** @throws CommandError: `not-found` */
function routeOf(env: Env, upstream: string): Main {
  const { upstreams } = gatewayOf(env);
  const route = upstreams.get(upstream);
  if (route !== undefined && route.weights.size > 0) return route;
  const groups = [...upstreams.values()]
    .filter(({ weights }) => weights.size > 0)
    .map((each) => each.upstream.name);
  const there = groups.length === 0 ? "none" : groups.join(", ");
  throw new CommandError("not-found", `there is no upstream ${upstream} with members; there is ${there}`);
}

async function documentOf(env: Env, { upstream }: Main) {
  const history = await planeOf(env).store.history(weightsDocument(upstream.name));
  return history === undefined ? { text: "{}", version: 0, until: undefined } : inForce(history);
}

/** @throws CommandError: `invalid-arguments` */
function changed(before: string, given: unknown, { weights }: Main): string {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new CommandError("invalid-arguments", 'weights must be an object such as { "canary": 5 }');
  const merged = { ...(JSON.parse(before) as object), ...given };
  const next = JSON.stringify(Object.fromEntries(Object.entries(merged).filter(([, each]) => each !== null)));
  try {
    readWeights(next, weights.keys());
  } catch (error) {
    throw new CommandError("invalid-arguments", (error as Error).message);
  }
  return next;
}

function answer({ upstream, weights }: Main, text: string, version: number, until: number | undefined) {
  const turned = readWeights(text, weights.keys());
  const all = (upstream.members ?? []).map(({ name, weight }) => [name, turned.get(name) ?? weight] as const);
  return {
    upstream: upstream.name,
    version,
    weights: Object.fromEntries(all),
    ...(until !== undefined && { until }),
  };
}
