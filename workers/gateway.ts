import { waitUntil } from "cloudflare:workers";
import { bulkhead, type CircuitBreaker, compose, type EventSink, timeout } from "ninelives";
import {
  CommandError,
  type EndedDocument,
  OverrideEnds,
  type PolicyDocument,
  type Prepared,
  tellDocument,
} from "ninelives/control";
import { durableObjectStore } from "ninelives/stores/durable-object";
import { type BatchSink, batch } from "ninelives/telemetry";
import { readSettings, readUpstreams, type Upstream, withSettings } from "ninelives/upstreams";
import { collectorOf } from "./collector.ts";
import { DocumentPoll } from "./document-poll.ts";
import type { Env } from "./env.ts";
import { GatewayPolicies } from "./gateway-policies.ts";
import { ownerOf } from "./owned-documents.ts";
import { peaksOnly } from "./peaks.ts";
import { checkReplicas } from "./replicas.ts";
import { type Main, type Steered, served } from "./served.ts";
import { tellFound } from "./tell-found.ts";
import { checkWeights, readWeights } from "./weights.ts";

/** Milliseconds after which a request looks whose health is due to be checked. */
const lookEvery = 500;

/**
 * How long the first requests of an isolate wait for the documents that hold: in an outage of the control plane they go by the
 * configuration. For a while, and not for ever, since what is down need not be asked by each.
 */
const beginning = timeout("250ms");

/** What one isolate knows: its upstreams, their policies and their circuits, and where its events go. */
export class Gateway {
  readonly upstreams: ReadonlyMap<string, Main>;
  readonly sink: BatchSink;
  readonly #mains: Map<string, Main>;
  #routes: ReadonlyMap<string, Steered>;
  readonly #env: Env;
  readonly #policies: GatewayPolicies;
  /** The same for what each request tells. */
  readonly #heard: EventSink;
  readonly #versions = new Map<string, number>();
  /** The versions that could not be put in force here. */
  readonly #refused = new Map<string, number>();
  readonly #overrides = new OverrideEnds();
  readonly #documents: DocumentPoll;
  #lookedAt = -Infinity;
  #begun = false;
  /** When the replicas of an upstream were checked last. */
  readonly #checkedAt = new Map<string, number>();

  constructor(env: Env) {
    this.#env = env;
    this.#policies = new GatewayPolicies(durableObjectStore(env.CIRCUITS));
    this.#documents = new DocumentPoll(env, (documents) => this.#take(documents));
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
    this.#mains = new Map(upstreams.map((upstream) => [upstream.name, this.#served(upstream)]));
    this.upstreams = this.#mains;
    this.#routes = routesOf(this.#mains);
  }

  /** All that has a policy of its own: upstreams, their routes, and members that have one. By the names of the policies. */
  get routes(): ReadonlyMap<string, Steered> {
    return this.#routes;
  }

  /** Puts a document in force, unless a newer one is. Its circuits go on where those of their names are. */
  async apply(document: PolicyDocument): Promise<void> {
    const { name, text, version } = document;
    const isNews = () => version > (this.#versions.get(name) ?? 0);
    if (!isNews()) return;
    await this.#enforce(name, text, isNews, () => {
      this.#versions.set(name, version);
      this.#overrides.note(document);
      this.#tell(name, version);
    });
  }

  /** @param done is called when it is in force, at once */
  async #enforce(name: string, text: string, isWanted: () => boolean, done: () => void): Promise<void> {
    const { upstream = "", kind } = ownerOf(name) ?? {};
    const main = this.#mains.get(upstream);
    if (main !== undefined) {
      const turned = kind === "weights" ? turn(main, text) : this.#settle(main, text);
      done();
      await turned;
      return;
    }
    const route = this.#routes.get(name);
    if (route === undefined) return;
    // While it is prepared, its upstream may have got other settings.
    const isStill = () => isWanted() && this.#routes.get(name)?.policy === route.policy;
    await this.#put(route, text, isStill, done);
  }

  /** Has what an override covers come back by itself: the control plane may be out of reach, and tells of it else. */
  async #end({ name, text }: EndedDocument): Promise<void> {
    const version = this.#versions.get(name);
    try {
      await this.#enforce(
        name,
        text,
        () => this.#versions.get(name) === version,
        () => {},
      );
    } catch (error) {
      console.warn(`what the override ${version} of policy ${name} covers cannot come back`, error);
    }
  }

  /**
   * Puts a text in force, with what the fleet knows of its circuits.
   *
   * @param isWanted whether it still is to be put in force
   * @param done is called when it is, at once
   */
  async #put(route: Steered, text: string, isWanted: () => boolean, done = () => {}): Promise<void> {
    const { policy, upstream } = route;
    const circuits = new Map<string, CircuitBreaker>();
    const limits = new Set<string>();
    let prepared: Prepared;
    let inForce: string;
    do {
      circuits.clear();
      limits.clear();
      inForce = policy.text;
      prepared = policy.prepare(text, this.#policies.scope({ circuits, limits }));
      // What the fleet knows of them (that one is forced open, say) they must know before their first call.
      await Promise.all([...circuits.values()].map((circuit) => circuit.sync()));
      if (!isWanted()) return;
      // What was prepared is a change of what was in force then, and an older version may have come in between.
      // To wait in line for that one instead would be to wait for another request, which may end and never settle it.
    } while (policy.text !== inForce);
    for (const [own, circuit] of circuits) {
      const before = route.circuits.get(own);
      if (before !== undefined) circuit.restore(before.snapshot());
      else if (!upstream.quiet) tellFound(circuit, route.reportsAs, this.sink);
      route.circuits.set(own, circuit);
    }
    for (const limit of limits) route.limits.add(limit);
    prepared.commit();
    done();
  }

  /**
   * Has an upstream go by other settings from the next request on. What it knows stays: of its replicas, and in the policies of
   * the routes that it still has.
   */
  #settle(main: Main, text: string): Promise<unknown> {
    const next = this.#served(settled(main, text), main);
    main.destination.follow(next.upstream);
    this.#mains.set(next.name, next);
    const before = this.#routes;
    this.#routes = routesOf(this.#mains);
    for (const name of before.keys()) {
      if (this.#routes.has(name)) continue;
      // Should it come back, its document is news to it.
      this.#versions.delete(name);
      this.#refused.delete(name);
    }
    return this.#configure();
  }

  /** Has policies of which no document says what holds go by their configured text, which settings may have changed. */
  #configure(): Promise<unknown> {
    const isWanted = (route: Steered) =>
      this.#routes.get(route.name) === route && !this.#versions.has(route.name);
    const others = [...this.#routes.values()].filter((route) => route.policy.text !== route.configured);
    return Promise.all(
      others.filter(isWanted).map((route) => this.#put(route, route.configured, () => isWanted(route))),
    );
  }

  #served(upstream: Upstream, before?: Main): Main {
    return served(upstream, { policies: this.#policies, env: this.#env, sink: this.#heard }, before);
  }

  /** Whether the documents that hold are in force here, or could not be had. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Puts the documents that hold in force before the first request goes by them. Never rejects. */
  async begin(): Promise<void> {
    // Each of the first requests asks: on Workers none can wait for another's answer.
    const asked = this.#documents.ask();
    // One that waits no longer may be over before the documents are in force.
    waitUntil(asked);
    await beginning.execute(() => asked).catch(() => {});
    this.#begun = true;
  }

  /** Puts the documents that hold now in force, for who reads or commands what they bring. @throws what their home throws */
  async catchUp(): Promise<void> {
    await this.#documents.askOnce();
    this.#begun = true;
  }

  /** Learns of changed documents in the background, when a request comes along after a while. */
  follow(): void {
    const now = Date.now();
    for (const ended of this.#overrides.take(now)) waitUntil(this.#end(ended));
    if (now - this.#lookedAt >= lookEvery) {
      this.#lookedAt = now;
      this.#checkDue(now);
    }
    if (this.#documents.isDue(now)) waitUntil(this.#documents.ask());
  }

  /** Checks the health of the groups whose checks are due, in the background. */
  #checkDue(now: number): void {
    for (const { name, upstream, destination } of this.#mains.values()) {
      const { group } = destination;
      const { check } = upstream;
      if (check === undefined || group === undefined) continue;
      if (now - (this.#checkedAt.get(name) ?? -Infinity) < check.every) continue;
      this.#checkedAt.set(name, now);
      waitUntil(checkReplicas(name, check.path, group, upstream.quiet ? undefined : this.#heard));
    }
  }

  /** Checks the text of a document. @throws ExpressionError, or a TypeError or RangeError that names what will not do */
  check(name: string, text: string): void {
    const owner = ownerOf(name);
    const main = this.#mains.get(owner?.upstream ?? "");
    if (main === undefined)
      (this.#routes.get(name) ?? this.#mains.get(name.split(".", 1)[0] ?? ""))?.policy.check(text);
    else if (owner?.kind === "weights") checkWeights(text, main.destination.weights);
    else settled(main, text);
  }

  /** Puts documents in force, as far as they will do. Never rejects. */
  async #take(documents: readonly PolicyDocument[]): Promise<void> {
    // Settings bring routes, whose documents are among the others.
    for (const isOwned of [true, false]) {
      const some = documents.filter(({ name }) => (ownerOf(name) !== undefined) === isOwned);
      await Promise.all(some.map((document) => this.#try(document)));
    }
    // What a request left undone that ended while it put settings in force.
    await this.#configure().catch((error: unknown) => console.warn("a policy is not as configured", error));
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
      this.#tell(name, version, error instanceof Error ? error.message : String(error));
    }
  }

  #tell(document: string, version: number, reason?: string): void {
    const { upstream: name = document, kind } = ownerOf(document) ?? {};
    const route = this.#routes.get(name);
    if (route === undefined || route.upstream.quiet) return;
    // The calls of a member are its upstream's.
    const own = kind ?? (route.reportsAs === name ? undefined : document);
    tellDocument(this.sink, Date.now(), {
      name: route.reportsAs,
      version,
      ...(reason !== undefined && { reason }),
      ...(own !== undefined && { document: own }),
    });
  }
}

/** Turns the weights of an upstream's members; a member that the text does not name has what the configuration says. */
function turn({ upstream, destination: { weights } }: Main, text: string): void {
  const turned = readWeights(text);
  for (const { name, weight } of upstream.members ?? []) weights.get(name)?.set(turned.get(name) ?? weight);
}

/** An upstream with other settings. @throws TypeError that names the setting; ExpressionError for a route's policy */
function settled({ upstream, policy }: Main, text: string): Upstream {
  const next = withSettings(upstream, readSettings(text));
  // A route may be new, and its text is read as the gateway reads one.
  for (const each of next.routes) policy.check(each.policy);
  return next;
}

function routesOf(mains: ReadonlyMap<string, Main>): ReadonlyMap<string, Steered> {
  const all = [...mains.values()].flatMap((main): Steered[] => [
    main,
    ...main.routes.map(({ route }) => route),
    ...main.members,
  ]);
  return new Map(all.map((route) => [route.name, route]));
}

/** The requests that a policy is for. @throws CommandError: `not-found` */
export function routeOf(gateway: Gateway, name: string): Steered {
  const route = gateway.routes.get(name);
  if (route !== undefined) return route;
  throw new CommandError("not-found", `there is no policy ${name}`, { there: gateway.routes.keys() });
}

let current: { readonly config: string; readonly gateway: Gateway } | undefined;

/** The gateway of this isolate. @throws TypeError when the configuration is wrong */
export function gatewayOf(env: Env): Gateway {
  // One for each isolate, as state belongs to the policy value: it lives as long as the isolate does.
  if (current?.config !== env.UPSTREAMS) current = { config: env.UPSTREAMS, gateway: new Gateway(env) };
  return current.gateway;
}
