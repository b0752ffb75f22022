import { waitUntil } from "cloudflare:workers";
import {
  adaptive,
  bulkhead,
  type CircuitBreaker,
  compose,
  type EventSink,
  environment,
  identity,
  timeout,
  type Wrapped,
} from "ninelives";
import {
  CommandError,
  type DocumentPolicy,
  type PolicyDocument,
  type Prepared,
  tellDocument,
} from "ninelives/control";
import { classifyHttp, deadlineHeader, type FetchCall, staleIfError, traceContext } from "ninelives/fetch";
import { durableObjectStore } from "ninelives/stores/durable-object";
import { type BatchSink, batch } from "ninelives/telemetry";
import { readUpstreams, routeTest, type Upstream } from "ninelives/upstreams";
import { collectorOf } from "./collector.ts";
import type { Env } from "./env.ts";
import { GatewayPolicies, type Shared } from "./gateway-policies.ts";
import { peaksOnly } from "./peaks.ts";
import { checkReplicas, type Replicas, replicasOf } from "./replicas.ts";
import { type Sender, type Sending, senderTo } from "./sender.ts";
import { readWeights, type Weights, weightsOwner } from "./weights.ts";

/** Milliseconds after which a request asks, in the background, whether policy documents have changed. */
const followEvery = 2_000;

/** Milliseconds after which a request checks the health of groups, in the background: Kubernetes' default. */
const checkEvery = 10_000;

/** Requests of an upstream with the policy that holds for them now. */
export interface Route extends Shared {
  /** What the policy is called: as the upstream, or for a route of its own `upstream.route`. */
  readonly name: string;
  readonly upstream: Upstream;
  /** The text that the configuration says. */
  readonly configured: string;
  readonly policy: DocumentPolicy<FetchCall, Response>;
  readonly call: Wrapped<Sending, Response>;
}

/** An upstream, with the policy for what none of its routes is for. */
export interface Main extends Route {
  /** The weights of its members, as they are now; none where it has no members, or finds them. */
  readonly weights: Weights;
  /** Its replicas, when there are several. */
  readonly group: Replicas | undefined;
  /** Its routes, in the order in which they are asked. */
  readonly routes: readonly { readonly route: Route; readonly fits: ReturnType<typeof routeTest> }[];
}

/** What one isolate knows: its upstreams, their policies and their circuits, and where its events go. */
export class Gateway {
  readonly upstreams: ReadonlyMap<string, Main>;
  /** All of them and their routes, by the names of their policies. */
  readonly routes: ReadonlyMap<string, Route>;
  readonly sink: BatchSink;
  readonly #env: Env;
  readonly #policies: GatewayPolicies;
  /** The same for what each request tells. */
  readonly #heard: EventSink;
  readonly #versions = new Map<string, number>();
  /** The versions that could not be put in force here. */
  readonly #refused = new Map<string, number>();
  #followedAt = -Infinity;
  #checkedAt = -Infinity;

  constructor(env: Env) {
    this.#env = env;
    this.#policies = new GatewayPolicies(durableObjectStore(env.CIRCUITS));
    this.sink = batch({
      deliver: (events, context) => collectorOf(env).deliver(events, context),
      source: "worker",
      maximumAge: "500ms",
      // The collector tries again itself. Within the 30 s that `waitUntil` grants: what is cut off there would keep its slot.
      policy: compose(bulkhead(2), timeout("20s")),
      waitUntil,
    });
    this.#heard = peaksOnly(this.sink);
    const upstreams = [...readUpstreams(env.UPSTREAMS).values()];
    this.upstreams = new Map(upstreams.map((upstream) => [upstream.name, this.#main(upstream)]));
    const routes = [...this.upstreams.values()].flatMap((main) => [
      main,
      ...main.routes.map(({ route }) => route),
    ]);
    this.routes = new Map(routes.map((route) => [route.name, route]));
  }

  /** Puts a document in force, unless a newer one is. Its circuits go on where those of their names are. */
  async apply({ name, text, version }: PolicyDocument): Promise<void> {
    const isNews = () => version > (this.#versions.get(name) ?? 0);
    const weighted = this.upstreams.get(weightsOwner(name) ?? "");
    if (weighted !== undefined && isNews()) {
      turn(weighted, text);
      this.#versions.set(name, version);
    }
    const route = this.routes.get(name);
    if (route === undefined || !isNews()) return;
    const circuits = new Map<string, CircuitBreaker>();
    const limits = new Set<string>();
    let prepared: Prepared;
    let inForce: number | undefined;
    do {
      circuits.clear();
      limits.clear();
      inForce = this.#versions.get(name);
      prepared = route.policy.prepare(text, this.#policies.scope({ circuits, limits }));
      // What the fleet knows of them (that one is forced open, say) they must know before their first call.
      await Promise.all([...circuits.values()].map((circuit) => circuit.sync()));
      if (!isNews()) return;
      // What was prepared is a change of what was in force then, and an older version may have come in between.
      // To wait in line for that one instead would be to wait for another request, which may end and never settle it.
    } while (this.#versions.get(name) !== inForce);
    for (const [own, circuit] of circuits) {
      const before = route.circuits.get(own);
      if (before !== undefined) circuit.restore(before.snapshot());
      else if (!route.upstream.quiet) tellFound(circuit, name, this.sink);
      route.circuits.set(own, circuit);
    }
    for (const limit of limits) route.limits.add(limit);
    prepared.commit();
    this.#versions.set(name, version);
    if (!route.upstream.quiet) tellDocument(this.sink, Date.now(), { name, version });
  }

  /** Learns of changed documents in the background, when a request comes along after a while. */
  follow(): void {
    const now = Date.now();
    if (now - this.#checkedAt >= checkEvery) {
      this.#checkedAt = now;
      for (const { upstream, group } of this.upstreams.values())
        if (upstream.check !== undefined && group !== undefined) waitUntil(checkReplicas(upstream, group));
    }
    if (now - this.#followedAt < followEvery) return;
    this.#followedAt = now;
    waitUntil(this.#follow());
  }

  /** Checks a policy's text. @throws ExpressionError */
  check(name: string, text: string): void {
    const weighted = this.upstreams.get(weightsOwner(name) ?? "");
    if (weighted !== undefined) readWeights(text, weighted.weights.keys());
    else this.routes.get(name)?.policy.check(text);
  }

  async #follow(): Promise<void> {
    // What is in force stays in force; the next request after a while asks again.
    const told = (what: string) => (error: unknown) => console.warn(`${what} could not be followed`, error);
    const documents = await this.#env.CONTROL.getByName("control")
      .documents()
      .catch(told("policy documents"));
    await Promise.all((documents ?? []).map((document) => this.#try(document)));
  }

  /** Puts a document in force, or tells its owner once why not: the one before stays. */
  async #try(document: PolicyDocument): Promise<void> {
    const { name, version } = document;
    if (this.#refused.get(name) === version) return;
    try {
      await this.apply(document);
    } catch (error) {
      this.#refused.set(name, version);
      console.warn(`version ${version} of policy ${name} is refused`, error);
      const reason = error instanceof Error ? error.message : String(error);
      const own = this.routes.get(name);
      if (own !== undefined && !own.upstream.quiet)
        tellDocument(this.sink, Date.now(), { name, version, reason });
    }
  }

  #main(upstream: Upstream): Main {
    const shared: Shared = { circuits: new Map(), limits: new Set() };
    const weights = new Map((upstream.members ?? []).map((each) => [each.name, adaptive(each.weight)]));
    const group = replicasOf(upstream, weights, this.#policies, shared, this.#env);
    const send = group ?? senderTo(upstream, upstream.redirects, undefined, this.#env);
    const { name, policy } = upstream;
    const routes = upstream.routes.map((each) => {
      const own: Shared = { circuits: new Map(), limits: new Set() };
      const route = this.#route(`${name}.${each.name}`, each.policy, upstream, own, send);
      return { route, fits: routeTest(each) };
    });
    return { ...this.#route(name, policy, upstream, shared, send), weights, group, routes };
  }

  #route(name: string, configured: string, upstream: Upstream, shared: Shared, send: Sender): Route {
    const policy = this.#policies.document(configured, name, shared);
    const { quiet, deadline, trace, staleIfError: stale } = upstream;
    const surroundings = environment({
      name,
      classify: classifyHttp,
      waitUntil,
      ...(!quiet && { sink: this.#heard }),
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
    return { name, upstream, configured, policy, ...shared, call };
  }
}

/** Tells that a circuit is not closed to begin with, since the fleet's is not: else its refusals come out of nowhere. */
function tellFound(
  { name: circuit, state, failureRate }: CircuitBreaker,
  policy: string,
  sink: EventSink,
): void {
  const stamp = { policy, at: Date.now(), circuit, from: "closed" } as const;
  if (state === "half-open") sink.emit({ ...stamp, type: "circuit.half-opened" });
  else if (state === "open" || state === "forced-open") {
    const reason = state === "open" ? "fleet" : "forced";
    sink.emit({ ...stamp, type: "circuit.opened", failureRate, reason });
  }
}

/** Turns the weights of an upstream's members; a member that the text does not name has what the configuration says. */
function turn({ upstream, weights }: Main, text: string): void {
  const turned = readWeights(text, weights.keys());
  for (const { name, weight } of upstream.members ?? []) weights.get(name)?.set(turned.get(name) ?? weight);
}

/** The requests that a policy is for. @throws CommandError: `not-found` */
export function routeOf(gateway: Gateway, name: string): Route {
  const route = gateway.routes.get(name);
  if (route !== undefined) return route;
  const known = [...gateway.routes.keys()].join(", ");
  throw new CommandError("not-found", `there is no policy ${name}; there are ${known}`);
}

let current: { readonly config: string; readonly gateway: Gateway } | undefined;

/** The gateway of this isolate. @throws TypeError when the configuration is wrong */
export function gatewayOf(env: Env): Gateway {
  // One for each isolate, as state belongs to the policy value: it lives as long as the isolate does.
  if (current?.config !== env.UPSTREAMS) current = { config: env.UPSTREAMS, gateway: new Gateway(env) };
  return current.gateway;
}
