import { waitUntil } from "cloudflare:workers";
import { compose, type EventSink, environment, identity, type Wrapped } from "ninelives";
import type { DocumentPolicy } from "ninelives/control";
import { classifyHttp, deadlineHeader, type FetchCall, staleIfError, traceContext } from "ninelives/fetch";
import { routeTest, type Upstream, type UpstreamRoute } from "ninelives/upstreams";
import { type Destination, destinationOf } from "./destination.ts";
import type { Env } from "./env.ts";
import type { GatewayPolicies, Shared } from "./gateway-policies.ts";
import type { Sender, Sending } from "./sender.ts";

/** A policy that goes by a document, and what it is for. */
export interface Steered extends Shared {
  /** What the policy is called: as the upstream, or `upstream.route`, or `upstream.member`. */
  readonly name: string;
  /** Its settings as they are now. */
  readonly upstream: Upstream;
  /** The text that holds where no document says another. */
  readonly configured: string;
  readonly policy: DocumentPolicy<FetchCall, Response>;
  /** The policy whose calls its events belong to: its upstream's for that of one replica, else its own. */
  readonly reportsAs: string;
}

/** Requests of an upstream with the policy that holds for them now. */
export interface Route extends Steered {
  readonly call: Wrapped<Sending, Response>;
}

/** An upstream, with the policy for what none of its routes is for. */
export interface Main extends Route {
  readonly destination: Destination;
  /** Its routes, in the order in which they are asked. */
  readonly routes: readonly { readonly route: Route; readonly fits: ReturnType<typeof routeTest> }[];
  /** Its replicas that have policies of their own. */
  readonly members: readonly Steered[];
}

/** What upstreams are served with. */
export interface Serving {
  readonly policies: GatewayPolicies;
  readonly env: Env;
  /** Where the events of each request go. */
  readonly sink: EventSink;
}

/** @param before the same upstream with other settings: what it knows stays, also of the routes that are left */
export function served(upstream: Upstream, serving: Serving, before?: Main): Main {
  const { name, policy: configured } = upstream;
  const { policies, env } = serving;
  const shared = sharedOf(before);
  const destination = before?.destination ?? destinationOf(upstream, policies, env);
  const routes = upstream.routes.map((each) => {
    const known = before?.routes.find(({ route }) => route.name === nameOf(upstream, each))?.route;
    return { route: routeOf(each, upstream, destination.send, serving, known), fits: routeTest(each) };
  });
  const policy = before?.policy ?? policies.document(configured, name, shared);
  const main = withCall({ name, configured, upstream, policy, ...shared }, destination.send, serving);
  const members = destination.policies.map((own) => ({ ...own, upstream, reportsAs: upstream.name }));
  return { ...main, destination, routes, members };
}

function routeOf(
  own: UpstreamRoute,
  upstream: Upstream,
  send: Sender,
  serving: Serving,
  known: Route | undefined,
): Route {
  const name = nameOf(upstream, own);
  const shared = sharedOf(known);
  const policy = known?.policy ?? serving.policies.document(own.policy, name, shared);
  return withCall({ name, configured: own.policy, upstream, policy, ...shared }, send, serving);
}

function nameOf(upstream: Upstream, route: UpstreamRoute): string {
  return `${upstream.name}.${route.name}`;
}

function sharedOf(known: Shared | undefined): Shared {
  return { circuits: known?.circuits ?? new Map(), limits: known?.limits ?? new Set() };
}

function withCall(route: Omit<Route, "call" | "reportsAs">, send: Sender, { sink }: Serving): Route {
  const { name, upstream, policy } = route;
  const { quiet, deadline, trace, staleIfError: stale } = upstream;
  const surroundings = environment({
    name,
    classify: classifyHttp,
    waitUntil,
    ...(!quiet && { sink }),
  });
  // Requests go nowhere but to this upstream.
  const origins = () => true;
  const call = compose(
    surroundings,
    stale === undefined ? identity : staleIfError({ cache: `ninelives-${upstream.name}`, within: stale }),
    policy.policy,
    deadline === undefined ? identity : deadlineHeader({ dialect: deadline.dialect, origins }),
    trace ? traceContext({ origins }) : identity,
  ).wrap<Sending, Response>(send);
  return { ...route, reportsAs: name, call };
}
