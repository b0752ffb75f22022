import type { DocumentHistory, DocumentPlane } from "ninelives/control";
import type { Env } from "./env.ts";
import { gatewayOf } from "./gateway.ts";
import { controlOf } from "./homes.ts";
import { type OwnedDocument, ownedDocument, ownerOf } from "./owned-documents.ts";

/** Whoever may only steer policies turns no weights by their documents. */
const scopes = { weights: "weight.set", settings: "upstream.set" } as const;

const owned = (upstream: string, kind: OwnedDocument) => ({
  name: ownedDocument(upstream, kind),
  text: "{}",
  json: true,
  hidden: true,
  scope: scopes[kind],
});

/** The documents of an environment: kept in its object, and in force in the gateway of this isolate. */
export function planeOf(env: Env): DocumentPlane {
  const gateway = gatewayOf(env);
  const control = () => controlOf(env);
  return {
    // What comes from an object has the types of RPC, which do not know that a history is not empty.
    store: {
      histories: async () => (await control().histories()) as unknown as DocumentHistory[],
      documents: () => control().documents(),
      history: async (name) => (await control().history(name)) as DocumentHistory | undefined,
      change: (name, original, { text, expected, by, ...how }) =>
        control().setDocument(name, text, expected, by, { ...how, original }),
      restore: (snapshots, originals) => control().restore(snapshots, originals),
    },
    policies: () => [
      ...[...gateway.routes.values()].map(({ name, configured, upstream }) => ({
        name,
        text: configured,
        hidden: upstream.quiet,
      })),
      // Kept, rolled back and restored like those of policies, but listed by commands of their own.
      ...[...gateway.upstreams.values()].flatMap(({ name, destination }) => [
        ...(destination.weights.size > 0 ? [owned(name, "weights")] : []),
        owned(name, "settings"),
      ]),
    ],
    check: (name, text) => gateway.check(name, text),
    // Settings may bring the routes of an upstream.
    mayCome: (name) => gateway.upstreams.has(name.split(".", 1)[0] ?? ""),
    async apply(document) {
      await gateway.apply(document);
      if (ownerOf(document.name)?.kind !== "settings") return;
      // They may bring back a route that has a document. What is done is done: the next request asks for it, too.
      await gateway.catchUp().catch(() => {});
    },
  };
}
