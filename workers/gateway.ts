import { waitUntil } from "cloudflare:workers";
import {
  type AnyPolicy,
  adaptive,
  bulkhead,
  type CircuitBreaker,
  type CircuitBreakerOptions,
  circuitBreaker,
  compose,
  environment,
  identity,
  parse,
  type RateLimitOptions,
  rateLimit,
  retry,
  type Scope,
  type Service,
  type SharedStore,
  timeout,
  type Wrapped,
} from "ninelives";
import {
  CommandError,
  type DocumentPolicy,
  documentPolicy,
  type PolicyDocument,
  type Prepared,
  tellDocument,
} from "ninelives/control";
import { classifyHttp, deadlineHeader, type FetchCall, staleIfError, traceContext } from "ninelives/fetch";
import { durableObjectStore } from "ninelives/stores/durable-object";
import { type BatchSink, batch } from "ninelives/telemetry";
import {
  type Discovery,
  defaultPolicy,
  discoveredGroup,
  foundIn,
  type Group,
  group,
  readUpstreams,
  targetOf,
  type Upstream,
  type UpstreamDiscover,
  type UpstreamOrigin,
} from "ninelives/upstreams";
import { collectorOf } from "./collector.ts";
import type { Env } from "./env.ts";
import type { Doing } from "./forwarding.ts";
import { followed } from "./redirects.ts";
import { readWeights, type Weights, weightsOwner } from "./weights.ts";

/** Milliseconds after which a request asks, in the background, whether policy documents have changed. */
const followEvery = 2_000;

/** Milliseconds after which a request checks the health of groups, in the background: Kubernetes' default. */
const checkEvery = 10_000;

/** An upstream with the policy that holds for it now. */
export interface Route {
  readonly upstream: Upstream;
  readonly policy: DocumentPolicy<FetchCall, Response>;
  /** The circuits in its policy, whose state outlives a change of the text. */
  readonly circuits: Map<string, CircuitBreaker>;
  /** The names of its rate limits. */
  readonly limits: Set<string>;
  readonly call: Wrapped<FetchCall, Response>;
  /** The weights of its members, as they are now; none where it has no members, or finds them. */
  readonly weights: Weights;
  /** Its replicas, when there are several. */
  readonly group: Group<FetchCall, Response> | undefined;
}

/** What sends a request to its place. */
type Sender = Service<FetchCall, Response>;

/** What one isolate knows: its upstreams, their policies and their circuits, and where its events go. */
export class Gateway {
  readonly routes: ReadonlyMap<string, Route>;
  readonly sink: BatchSink;
  readonly #env: Env;
  readonly #home: SharedStore;
  readonly #versions = new Map<string, number>();
  /** The versions that could not be put in force here. */
  readonly #refused = new Map<string, number>();
  readonly #doings = new WeakMap<Response, Doing>();
  #followedAt = -Infinity;
  #checkedAt = -Infinity;

  constructor(env: Env) {
    this.#env = env;
    this.#home = durableObjectStore(env.CIRCUITS);
    this.sink = batch({
      deliver: (events, context) => collectorOf(env).deliver(events, context),
      source: "worker",
      maximumAge: "500ms",
      // Within the 30 s that `waitUntil` grants: what is cut off there would keep its slot for ever.
      policy: compose(bulkhead(2), timeout("20s"), retry(3), timeout("6s")),
      waitUntil,
    });
    const upstreams = [...readUpstreams(env.UPSTREAMS).values()];
    this.routes = new Map(upstreams.map((upstream) => [upstream.name, this.#route(upstream)]));
  }

  /** Puts a document in force, unless a newer one is. Its circuits go on where those of their names are. */
  async apply({ name, text, version }: PolicyDocument): Promise<void> {
    const isNews = () => version > (this.#versions.get(name) ?? 0);
    const weighted = this.routes.get(weightsOwner(name) ?? "");
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
      prepared = route.policy.prepare(text, this.#scope(circuits, limits));
      // What the fleet knows of them (that one is forced open, say) they must know before their first call.
      await Promise.all([...circuits.values()].map((circuit) => circuit.sync()));
      if (!isNews()) return;
      // What was prepared is a change of what was in force then, and an older version may have come in between.
      // To wait in line for that one instead would be to wait for another request, which may end and never settle it.
    } while (this.#versions.get(name) !== inForce);
    for (const [own, circuit] of circuits) {
      const before = route.circuits.get(own);
      if (before !== undefined) circuit.restore(before.snapshot());
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
      for (const route of this.routes.values())
        if (route.upstream.check !== undefined) waitUntil(check(route));
    }
    if (now - this.#followedAt < followEvery) return;
    this.#followedAt = now;
    waitUntil(this.#follow());
  }

  /** What was done for an answer, unless it is one that was kept. */
  doing(response: Response): Doing | undefined {
    return this.#doings.get(response);
  }

  /** Checks a policy's text. @throws ExpressionError */
  check(name: string, text: string): void {
    const weighted = this.routes.get(weightsOwner(name) ?? "");
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

  #route(upstream: Upstream): Route {
    const circuits = new Map<string, CircuitBreaker>();
    const limits = new Set<string>();
    const policy = this.#document(upstream.policy, upstream.name, circuits, limits);
    const surroundings = environment({
      name: upstream.name,
      classify: classifyHttp,
      waitUntil,
      ...(!upstream.quiet && { sink: this.sink }),
    });
    const { name, deadline, trace, staleIfError: stale } = upstream;
    const weights = new Map((upstream.members ?? []).map((each) => [each.name, adaptive(each.weight)]));
    const replicas = this.#group(upstream, circuits, limits, weights);
    // Requests go nowhere but to this upstream.
    const origins = () => true;
    const call = compose(
      surroundings,
      stale === undefined ? identity : staleIfError({ cache: `ninelives-${name}`, within: stale }),
      policy.policy,
      deadline === undefined ? identity : deadlineHeader({ dialect: deadline.dialect, origins }),
      trace ? traceContext({ origins }) : identity,
    ).wrap<FetchCall, Response>(replicas ?? this.#sender(upstream, upstream.redirects, undefined));
    return { upstream, policy, circuits, limits, call, weights, group: replicas };
  }

  #group(
    { name, members, discover, redirects, group: rules }: Upstream,
    circuits: Map<string, CircuitBreaker>,
    limits: Set<string>,
    weights: Weights,
  ): Route["group"] {
    if (discover !== undefined) {
      return discoveredGroup<FetchCall, Response>({
        ...rules,
        discovery: discover.by === "dns" ? discover.discovery : this.#registered(name, discover),
        service: (endpoint) => {
          const place = { name, url: new URL(endpoint.url), service: undefined, path: "" };
          return this.#below(place, this.#sender(place, redirects, endpoint.name));
        },
      });
    }
    return (
      members &&
      group<FetchCall, Response>({
        ...rules,
        members: members.map((member) => {
          const own = new Map<string, CircuitBreaker>();
          const whole = `${name}.${member.name}`;
          const policy =
            member.policy === undefined
              ? identity
              : (this.#document(member.policy, whole, own, limits).policy as AnyPolicy);
          for (const [circuit, made] of own) circuits.set(circuit, made);
          const service = this.#below(
            member,
            this.#sender({ ...member, name: whole }, redirects, member.name),
          );
          const { priority } = member;
          const weight = weights.get(member.name) ?? member.weight;
          return { name: member.name, weight, priority, policy, service };
        }),
      })
    );
  }

  /** Sends to one replica what came for its upstream. */
  #below(member: UpstreamOrigin & { readonly name: string }, send: Sender): Sender {
    return ({ input, init = {} }, context) => {
      const { pathname, search } = input as URL;
      return send({ input: targetOf(member, pathname, search) as URL, init }, context);
    };
  }

  #registered(
    name: string,
    { service, allowed }: Extract<UpstreamDiscover, { readonly by: "registry" }>,
  ): Discovery {
    const registry = this.#env.REGISTRY;
    if (registry === undefined) {
      throw new TypeError(`UPSTREAMS.${name}.discover: there is no binding REGISTRY for a registry`);
    }
    return async () => foundIn(await registry.getByName(service).members(), allowed);
  }

  /** A policy whose circuits, that of `standard` too, bear the upstream's name and live in a Durable Object. */
  #document(
    text: string,
    name: string,
    circuits: Map<string, CircuitBreaker>,
    limits: Set<string>,
  ): DocumentPolicy<FetchCall, Response> {
    return documentPolicy(text, {
      scope: this.#scope(new Map(), new Set()),
      making: this.#scope(circuits, limits),
      label() {
        const counts = { circuit: 0, limit: 0 };
        return (policy) => {
          const kind = shared[policy];
          if (kind === undefined) return undefined;
          counts[kind]++;
          return counts[kind] === 1 ? name : `${name}.${counts[kind]}`;
        };
      },
    });
  }

  /**
   * @param circuits gets those that are made
   * @param limits gets the names of those that are made
   */
  #scope(circuits: Map<string, CircuitBreaker>, limits: Set<string>): Scope {
    const home = this.#home;
    const breaker = (options: CircuitBreakerOptions & { readonly name: string }): CircuitBreaker => {
      const made = circuitBreaker({ ...options, shared: home });
      circuits.set(made.name, made);
      return made;
    };
    return {
      circuitBreaker: breaker,
      rateLimit: (options: RateLimitOptions & { readonly name: string }) => {
        limits.add(options.name);
        return rateLimit({ ...options, shared: home });
      },
      standard: (options: { readonly name: string }) =>
        parse(defaultPolicy, { circuitBreaker: () => breaker(options) }),
      // A text can name no Response, and nothing else is an answer here.
      answer: () => refuse("answer"),
      fallback: () => refuse("fallback"),
    };
  }

  #sender(
    { name, service, ...place }: UpstreamOrigin & { readonly name: string },
    redirects: Upstream["redirects"],
    member: string | undefined,
  ): Sender {
    const doings = this.#doings;
    const binding = service === undefined ? internet : this.#binding(name, service);
    return async function send({ input, init }, context) {
      const { clock } = context.environment;
      const began = clock.now();
      const { signal } = context;
      const ask = (url: URL) => binding.fetch(url, { ...init, signal, redirect: "manual" });
      let response = await ask(input as URL);
      // Of another method the body is gone, or it would have to become a GET.
      if (redirects === "follow" && (init?.method === "GET" || init?.method === "HEAD"))
        response = await followed(response, input as URL, place, ask);
      doings.set(response, { attempts: context.sends, upstream: clock.now() - began, member });
      return response;
    };
  }

  #binding(name: string, service: string): Fetcher {
    const binding = (this.#env as unknown as Record<string, Fetcher | undefined>)[service];
    if (typeof binding?.fetch === "function") return binding;
    throw new TypeError(`UPSTREAMS.${name}.service: there is no service binding ${service}`);
  }
}

/** What shares a state with the fleet, under a name of its own, and what counts for its number. */
const shared: Readonly<Record<string, "circuit" | "limit">> = {
  circuitBreaker: "circuit",
  standard: "circuit",
  rateLimit: "limit",
};

/** Turns the weights of a route's members; a member that the text does not name has what the configuration says. */
function turn({ upstream, weights }: Route, text: string): void {
  const turned = readWeights(text, weights.keys());
  for (const { name, weight } of upstream.members ?? []) weights.get(name)?.set(turned.get(name) ?? weight);
}

/** What can be reached by a URL. */
const internet: Pick<Fetcher, "fetch"> = {
  fetch: (input, init) => fetch(input as Request, init as RequestInit),
};

/** Asks each member of a group whether it is well. Never rejects. */
async function check({ upstream, group }: Route): Promise<void> {
  const call = { input: new URL(`http://${upstream.name}.upstream${upstream.check}`), init: {} };
  const judged = environment({ classify: classifyHttp });
  await judged
    .execute((context) => (group as NonNullable<typeof group>).check(call, context))
    .catch(() => {});
}

function refuse(policy: string): never {
  throw new TypeError(`${policy} has no place in a gateway: what it answers would be no Response`);
}

/** The upstream's route. @throws CommandError: `not-found` */
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
