import {
  CommandError,
  defineCommand,
  json,
  longestName,
  object,
  type RegisteredCommand,
  text,
} from "ninelives/control";
import { planeOf } from "./document-plane.ts";
import type { Env } from "./env.ts";
import { gatewayOf } from "./gateway.ts";
import { changeOwned, type Held, heldIn, ownedChange } from "./owned-change.ts";
import { ownedDocument } from "./owned-documents.ts";
import type { Main } from "./served.ts";
import { checkWeights, readWeights } from "./weights.ts";

const upstream = text({ most: longestName, description: "whose members they are" });
const weightsSchema = {
  type: "object",
  additionalProperties: { type: "number", minimum: 0, maximum: 1_000 },
};
const output = {
  type: "object",
  required: ["upstream", "version", "weights", "priorities"],
  properties: {
    upstream: { type: "string" },
    version: { type: "integer" },
    weights: weightsSchema,
    priorities: {
      type: "object",
      additionalProperties: { type: "integer", minimum: 0 },
      description:
        "a member of a higher number gets nothing while one of a lower number is well, whatever it weighs",
    },
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
        const route = routeOf(env, upstream);
        return answer(route, await heldIn(planeOf(env), ownedDocument(upstream, "weights")));
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
        ...ownedChange,
      }),
      output,
      touches: ({ upstream }) => upstream,
      run: async ({ upstream, weights, ...how }, { identity }) => {
        const route = routeOf(env, upstream);
        const document = ownedDocument(upstream, "weights");
        const held = await changeOwned(planeOf(env), document, how, identity, (before) =>
          changed(before, weights, route),
        );
        return answer(route, held);
      },
    }),
  ];
}

/** @throws CommandError: `not-found` */
function routeOf(env: Env, upstream: string): Main {
  const { upstreams } = gatewayOf(env);
  const route = upstreams.get(upstream);
  if (route !== undefined && route.destination.weights.size > 0) return route;
  const there = [...upstreams.values()]
    .filter(({ destination, upstream }) => destination.weights.size > 0 && !upstream.quiet)
    .map((each) => each.upstream.name);
  const missing = `there is no upstream ${upstream} with members`;
  throw there.length === 0
    ? new CommandError("not-found", `${missing}: none has members`)
    : new CommandError("not-found", missing, { there });
}

/** @throws TypeError or RangeError that names the member and quotes its weight */
function changed(before: string, given: unknown, { destination: { weights } }: Main): string {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new TypeError('weights must be an object such as { "canary": 5 }');
  // Those that are members no more are left out, save that nobody may turn them now.
  const kept = Object.fromEntries([...readWeights(before)].filter(([name]) => weights.has(name)));
  const merged = Object.entries({ ...kept, ...given });
  const next = JSON.stringify(Object.fromEntries(merged.filter(([, each]) => each !== null)));
  checkWeights(next, weights);
  return next;
}

function answer({ upstream }: Main, { text, version, until }: Held) {
  const turned = readWeights(text);
  const all = (upstream.members ?? []).map(({ name, weight }) => [name, turned.get(name) ?? weight] as const);
  const priorities = (upstream.members ?? []).map(({ name, priority }) => [name, priority] as const);
  return {
    upstream: upstream.name,
    version,
    weights: Object.fromEntries(all),
    priorities: Object.fromEntries(priorities),
    ...(until !== undefined && { until }),
  };
}
