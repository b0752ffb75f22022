import type { DocumentHistory, DocumentPlane } from "ninelives/control";
import type { Env } from "./env.ts";
import { gatewayOf } from "./gateway.ts";
import { controlOf } from "./homes.ts";
import { weightsDocument } from "./weights.ts";

/** The documents of an environment: kept in its object, and in force in the gateway of this isolate. */
export function planeOf(env: Env): DocumentPlane {
  const gateway = gatewayOf(env);
  const control = () => controlOf(env);
  return {
    // What comes from an object has the types of RPC, which do not know that a history is not empty.
    store: {
      histories: async () => (await control().histories()) as unknown as DocumentHistory[],
      history: async (name) => (await control().history(name)) as DocumentHistory | undefined,
      change: (name, original, { text, expected, by, holds }) =>
        control().setDocument(name, text, expected, by, { holds, original }),
      restore: (snapshots, originals) => control().restore(snapshots, originals),
    },
    policies: () => [
      ...[...gateway.routes.values()].map(({ name, configured, upstream }) => ({
        name,
        text: configured,
        hidden: upstream.quiet,
      })),
      // Kept, rolled back and restored like those of policies, but told of by commands of their own.
      ...[...gateway.upstreams.values()]
        .filter(({ weights }) => weights.size > 0)
        .map(({ name }) => ({ name: weightsDocument(name), text: "{}", hidden: true })),
    ],
    check: (name, text) => gateway.check(name, text),
    apply: (document) => gateway.apply(document),
  };
}
