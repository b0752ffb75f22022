import { type Adaptive, adaptive } from "ninelives";
import type { DocumentPolicy } from "ninelives/control";
import type { FetchCall } from "ninelives/fetch";
import { groupOptions, type Upstream, type UpstreamMember } from "ninelives/upstreams";
import type { Env } from "./env.ts";
import type { GatewayPolicies, Shared } from "./gateway-policies.ts";
import { type Replicas, replicasOf } from "./replicas.ts";
import { type Sender, senderTo } from "./sender.ts";
import type { Weights } from "./weights.ts";

/** Where the requests of an upstream go: made once, since what is known of replicas must outlive a change of settings. */
export interface Destination {
  readonly send: Sender;
  /** Its replicas, when there are several. */
  readonly group: Replicas | undefined;
  /** The weights of its members, as they are now; none where it has no members, or finds them. */
  readonly weights: Weights;
  /** The policies that its members have for themselves. */
  readonly policies: readonly MemberPolicy[];
  /** Goes by the settings of an upstream from now on. */
  follow(upstream: Upstream): void;
}

export function destinationOf(upstream: Upstream, policies: GatewayPolicies, env: Env): Destination {
  const weights = new Map((upstream.members ?? []).map((each) => [each.name, adaptive(each.weight)]));
  const redirects = adaptive(upstream.redirects);
  const rules = new Map(
    ruleNames.map((name) => [name, adaptive(upstream.group[name] ?? groupOptions[name]?.initial)]),
  );
  const live = { ...upstream, group: Object.fromEntries(rules) };
  const own = new Map(
    (upstream.members ?? []).map((member) => [member.name, policyOf(upstream, member, policies)]),
  );
  const group = replicasOf(live, weights, redirects, own, env);
  return {
    send: group ?? senderTo(upstream, redirects, undefined, env),
    group,
    weights,
    policies: [...own.values()].filter((each) => each !== undefined),
    follow(next) {
      redirects.set(next.redirects);
      for (const [name, rule] of rules)
        turn(rule, next.group[name as RuleName] ?? groupOptions[name]?.initial);
    },
  };
}

/** The policy of one replica alone. */
export interface MemberPolicy extends Shared {
  /** `upstream.member`. */
  readonly name: string;
  readonly configured: string;
  readonly policy: DocumentPolicy<FetchCall, Response>;
}

function policyOf(
  upstream: Upstream,
  { name: own, policy: configured }: UpstreamMember,
  policies: GatewayPolicies,
): MemberPolicy | undefined {
  if (configured === undefined) return undefined;
  const name = `${upstream.name}.${own}`;
  const shared: Shared = { circuits: new Map(), limits: new Set() };
  return { name, configured, policy: policies.document(configured, name, shared), ...shared };
}

type RuleName = keyof Upstream["group"];

const ruleNames = Object.keys(groupOptions).filter((name) => name !== "members") as RuleName[];

function turn(rule: Adaptive<unknown>, value: unknown): void {
  if (rule.value !== value) rule.set(value);
}
