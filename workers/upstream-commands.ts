import {
  CommandError,
  defineCommand,
  json,
  longestName,
  object,
  type RegisteredCommand,
  text,
} from "ninelives/control";
import { changedSettings, readSettings, settingNames, withSettings } from "ninelives/upstreams";
import { planeOf } from "./document-plane.ts";
import type { Env } from "./env.ts";
import { gatewayOf } from "./gateway.ts";
import { changeOwned, type Held, heldIn, ownedChange } from "./owned-change.ts";
import { ownedDocument } from "./owned-documents.ts";
import type { Main } from "./served.ts";

const upstream = text({ most: longestName, description: "whose settings they are" });
const output = {
  type: "object",
  required: ["upstream", "version", "settings", "changed"],
  properties: {
    upstream: { type: "string" },
    version: { type: "integer" },
    settings: { type: "object", description: "all that is in force" },
    changed: { type: "object", description: "what of it is not as the configuration says" },
    until: { type: "integer", description: "when this takes itself back" },
    members: {
      type: "array",
      description: "its replicas, as the isolate that answers has found them to do",
      items: {
        type: "object",
        required: ["name", "priority", "state", "inFlight"],
        properties: {
          name: { type: "string" },
          priority: { type: "integer" },
          state: {
            enum: ["in", "ejected", "unhealthy"],
            description: "ejected is left out for its failures, unhealthy for its checks",
          },
          inFlight: { type: "integer" },
          latency: { type: "number", description: "milliseconds; absent until it has answered" },
        },
      },
    },
  },
};

/** Reads and changes what an upstream is configured with, beside where its requests go and its policy. */
export function upstreamCommands(env: Env): RegisteredCommand[] {
  return [
    defineCommand({
      name: "upstream.get",
      description: "Tells the settings of an upstream as they are in force, and how its replicas do.",
      readOnly: true,
      input: object({ upstream }),
      output,
      touches: ({ upstream }) => upstream,
      run: async ({ upstream }) => {
        const main = mainOf(env, upstream);
        return answer(main, await heldIn(planeOf(env), ownedDocument(upstream, "settings")));
      },
    }),
    defineCommand({
      name: "upstream.set",
      description:
        "Changes settings of an upstream, for good or for a while: its routes, stand-ins, health checks, rules of the group and the like. Those that are not named stay.",
      input: object({
        upstream,
        settings: json(
          'such as { "staleIfError": "1h", "group": { "slowStart": "30s" } }; null is what the configuration says, false is none',
          {
            type: "object",
            additionalProperties: false,
            properties: Object.fromEntries(settingNames.map((name) => [name, {}])),
          },
        ),
        ...ownedChange,
      }),
      output,
      touches: ({ upstream }) => upstream,
      run: async ({ upstream, settings, ...how }, { identity }) => {
        const main = mainOf(env, upstream);
        const document = ownedDocument(upstream, "settings");
        const held = await changeOwned(planeOf(env), document, how, identity, (before) =>
          JSON.stringify(changedSettings(readSettings(before), settings)),
        );
        return answer(main, held);
      },
    }),
  ];
}

/** @throws CommandError: `not-found` */
function mainOf(env: Env, upstream: string): Main {
  const { upstreams } = gatewayOf(env);
  const main = upstreams.get(upstream);
  if (main !== undefined) return main;
  const there = [...upstreams.values()].filter((each) => !each.upstream.quiet).map(({ name }) => name);
  throw new CommandError("not-found", `there is no upstream ${upstream}`, { there });
}

function answer(main: Main, held: Held) {
  const { destination } = main;
  const { version, until } = held;
  const { changed, settled } = settledBy(held, main);
  const { name, group, routes, staleIfError, check, deadline, priority, trace, redirects, quiet } = settled;
  return {
    upstream: name,
    version,
    settings: {
      group,
      routes,
      staleIfError: staleIfError ?? false,
      check: check ?? false,
      deadline: deadline ?? false,
      priority: priority ?? false,
      trace,
      redirects,
      quiet,
    },
    changed,
    ...(until !== undefined && { until }),
    ...(destination.group !== undefined && { members: destination.group.state(performance.now()) }),
  };
}

/** @throws CommandError: `conflict` where a deployment has made an upstream of it that the settings do not fit any more */
function settledBy({ text, version }: Held, { upstream }: Main) {
  try {
    const changed = readSettings(text);
    return { changed, settled: withSettings(upstream, changed) };
  } catch (cause) {
    const document = ownedDocument(upstream.name, "settings");
    const what = `version ${version} of ${document} does not fit the configuration, and is refused`;
    const how = "upstream.set with null for what does not fit takes it back, or policy.set the whole";
    throw new CommandError("conflict", `${what}: ${(cause as Error).message}; ${how}`, { cause });
  }
}
