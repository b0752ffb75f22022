import { type Adaptive, type AnyPolicy, type EventSink, environment, identity } from "ninelives";
import { classifyHttp } from "ninelives/fetch";
import { filtered } from "ninelives/telemetry";
import {
  type Discovery,
  discoveredGroup,
  foundIn,
  type Group,
  group,
  targetOf,
  type Upstream,
  type UpstreamDiscover,
  type UpstreamOrigin,
} from "ninelives/upstreams";
import type { MemberPolicy } from "./destination.ts";
import type { Env } from "./env.ts";
import { type Sender, type Sending, senderTo } from "./sender.ts";
import type { Weights } from "./weights.ts";

/** Several places where an upstream is. */
export type Replicas = Group<Sending, Response>;

/**
 * The group of an upstream's members, or of those that are found; nothing for an upstream that is in one place.
 *
 * @param policies those that members have for themselves, by their names
 * @throws TypeError where a binding is missing
 */
export function replicasOf(
  { name, members, discover, group: rules }: Upstream,
  weights: Weights,
  redirects: Adaptive<Upstream["redirects"]>,
  policies: ReadonlyMap<string, MemberPolicy | undefined>,
  env: Env,
): Replicas | undefined {
  if (discover !== undefined) {
    return discoveredGroup<Sending, Response>({
      ...rules,
      discovery: discover.by === "dns" ? discover.discovery : registered(name, discover, env),
      service: (endpoint) => {
        const place = { name, url: new URL(endpoint.url), service: undefined, path: "" };
        return below(place, senderTo(place, redirects, endpoint.name, env));
      },
    });
  }
  if (members === undefined) return undefined;
  return group<Sending, Response>({
    ...rules,
    members: members.map((member) => {
      const whole = `${name}.${member.name}`;
      const service = below(member, senderTo({ ...member, name: whole }, redirects, member.name, env));
      return {
        name: member.name,
        weight: weights.get(member.name) ?? member.weight,
        priority: member.priority,
        policy: (policies.get(member.name)?.policy.policy ?? identity) as AnyPolicy,
        service,
      };
    }),
  });
}

/** Sends to one replica what came for its upstream. */
function below(member: UpstreamOrigin & { readonly name: string }, send: Sender): Sender {
  return (call, context) => {
    const { pathname, search } = call.input as URL;
    return send({ ...call, input: targetOf(member, pathname, search) as URL }, context);
  };
}

function registered(
  name: string,
  { service, allowed }: Extract<UpstreamDiscover, { readonly by: "registry" }>,
  { REGISTRY: registry }: Env,
): Discovery {
  if (registry === undefined) {
    throw new TypeError(`UPSTREAMS.${name}.discover: there is no binding REGISTRY for a registry`);
  }
  return async () => foundIn(await registry.getByName(service).members(), allowed);
}

/** Asks each replica whether it is well. Never rejects. @param sink hears of who is not, and of who is again */
export async function checkReplicas(
  name: string,
  path: string,
  replicas: Replicas,
  sink: EventSink | undefined,
): Promise<void> {
  const call: Sending = { input: new URL(`http://${name}.upstream${path}`), init: {}, sent: [] };
  // A check is no call of anybody's.
  const own = sink && filtered(({ type }) => type.startsWith("member."), sink);
  const judged = environment({ name, classify: classifyHttp, ...(own && { sink: own }) });
  await judged.execute((context) => replicas.check(call, context)).catch(() => {});
}
