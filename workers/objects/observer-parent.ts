import { DurableObject } from "cloudflare:workers";
import type { CircuitState } from "ninelives";
import {
  type CountedPart,
  History,
  type LiveMessage,
  mergedAlerts,
  mergedCounts,
  mergedOthers,
  mergedState,
  metricsOf,
  type ObservedEvent,
  type ObserverPart,
  otherPolicies,
  type PolicyState,
  type SystemState,
  shardOf,
  summed,
  type WindowName,
  windowSpans,
} from "ninelives/observer";
import { openMetricsText, prometheusText } from "ninelives/telemetry";
import type { ObserverObject } from "./observer-object.ts";
import type { ShardNews } from "./parent-link.ts";
import { Viewers } from "./viewers.ts";

/** Milliseconds between messages to a viewer. */
const updateEvery = 250;
const eventsKept = 200;

type LiveDelta = Extract<LiveMessage, { readonly type: "delta" }>;

/** What a shard told last, with all policies that it told of. */
type Known = Omit<ObserverPart, "policies"> & { readonly policies: Map<string, PolicyState> };

interface Bindings {
  readonly OBSERVER: DurableObjectNamespace<ObserverObject>;
}

/**
 * Puts together what the shards of an observer know, for whoever asks or looks on.
 *
 * Its name ends in their number, as in `observer.4`, and theirs are `observer.4.0` to `observer.4.3`. It stores nothing:
 * shards tell it what changes only while somebody looks on, and after a restart it asks them anew.
 */
export class ObserverParent extends DurableObject<Bindings> {
  #history = new History(crypto.randomUUID());
  readonly #viewers: Viewers;
  readonly #known = new Map<number, Known>();
  /** The policies that viewers were not told of since they changed. */
  readonly #untold = new Set<string>();
  /** The number of the last event that viewers were told of. */
  #told = 0;
  #skipped = 0;
  /** Viewers that are about to look on. */
  #arriving = 0;
  #updatedAt = 0;
  #updating = false;
  #asking: Promise<void> | undefined;

  constructor(state: DurableObjectState, env: Bindings) {
    super(state, env);
    this.#viewers = new Viewers(state);
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  async state(): Promise<SystemState> {
    const parts = await Promise.all(this.#shards().map((shard) => shard.part()));
    return mergedState(
      parts.map((part) => JSON.parse(part) as ObserverPart),
      Date.now(),
    );
  }

  /** What is known of a policy, `undefined` when nobody told of it. */
  async getPolicyState(policy: string): Promise<PolicyState | undefined> {
    if (policy === otherPolicies)
      return (await this.state()).policies.find((state) => state.policy === policy);
    return this.#shardOf(policy).getPolicyState(policy);
  }

  /** A policy's failures by requests, or `null` when that is unknown. */
  async getErrorRate(policy: string, window: WindowName): Promise<number | null> {
    return (await this.getPolicyState(policy))?.windows[window].errorRate ?? null;
  }

  async getCircuitState(circuit: string): Promise<CircuitState | undefined> {
    const states = await Promise.all(this.#shards().map((shard) => shard.getCircuitState(circuit)));
    return states.find((state) => state !== undefined);
  }

  /** The counters in Prometheus' text format, or in OpenMetrics'. */
  async metrics(open = false): Promise<string> {
    const parts = await Promise.all(this.#shards().map((shard) => shard.counted()));
    // The types of what comes from another object know no pairs.
    const counted = mergedCounts(parts as unknown as CountedPart[]);
    return (open ? openMetricsText : prometheusText)(metricsOf(counted));
  }

  /** A viewer comes, by WebSocket or for server-sent events. The Worker has checked that they may. */
  override async fetch(request: Request): Promise<Response> {
    this.#arriving++;
    try {
      await this.#watch();
      return this.#welcome(request, Date.now());
    } finally {
      this.#arriving--;
    }
  }

  #welcome(request: Request, now: number): Response {
    const place = request.headers.get("last-event-id") ?? new URL(request.url).searchParams.get("after");
    const number = place === null ? undefined : this.#history.find(place, now);
    const first = number === undefined ? this.#snapshot(now) : this.#since(number, now);
    return request.headers.get("upgrade")?.toLowerCase() === "websocket"
      ? this.#viewers.acceptSocket(request, first)
      : this.#viewers.acceptStream(first);
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    socket.close(code === 1005 || code === 1006 ? 1000 : code);
  }

  override webSocketError(): void {
    // The close that follows is enough.
  }

  /** A shard tells what changed. @returns whether it is to tell more: nobody may look on any more */
  async tell({ shard, policies, recent, skipped, ...part }: ShardNews): Promise<boolean> {
    if (this.#viewers.size === 0 && this.#arriving === 0) {
      this.#known.clear();
      return false;
    }
    if (!this.#isWhole()) {
      // After a restart the viewers are there still, and what the shards know is not: it is asked for, with these news.
      const asks = this.#asking === undefined;
      await this.#watch();
      const now = Date.now();
      if (asks) {
        this.#viewers.tell(this.#snapshot(now), this.#told, (number) => this.#since(number, now));
        return true;
      }
    }
    this.#keep(shard, part, policies);
    for (const { policy } of policies) this.#untold.add(policy);
    if (part.others !== null) this.#untold.add(otherPolicies);
    this.#history.add(recent);
    this.#skipped += skipped;
    this.#updateSoon();
    return true;
  }

  /** Has all shards tell what changes from now on, and takes up what they know. */
  async #watch(): Promise<void> {
    if (this.#isWhole() && this.#viewers.size > 0) return;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    await this.#asking;
  }

  async #ask(): Promise<void> {
    const id = this.ctx.id.toString();
    const texts = await Promise.all(this.#shards().map((shard, index) => shard.watch(id, index)));
    const parts = texts.map((text) => JSON.parse(text) as Omit<ShardNews, "shard">);
    this.#known.clear();
    for (const [shard, { policies, recent: _recent, skipped: _skipped, ...part }] of parts.entries())
      this.#keep(shard, part, policies);
    // What happened while nobody looked on was not told: places of before mean nothing any more.
    this.#history = new History(crypto.randomUUID());
    this.#history.add(newest(parts.flatMap(({ recent }) => recent)));
    this.#told = this.#history.end;
    this.#skipped = 0;
  }

  #isWhole(): boolean {
    return this.#known.size === this.#count();
  }

  #keep(shard: number, part: Omit<ObserverPart, "policies">, policies: readonly PolicyState[]): void {
    const all = this.#known.get(shard)?.policies ?? new Map<string, PolicyState>();
    for (const state of policies) all.set(state.policy, state);
    this.#known.set(shard, { ...part, policies: all });
  }

  #updateSoon(): void {
    if (this.#updating) return;
    this.#updating = true;
    setTimeout(() => this.#update(), Math.max(0, updateEvery - (Date.now() - this.#updatedAt)));
  }

  #update(): void {
    this.#updating = false;
    const now = Date.now();
    this.#updatedAt = now;
    const before = this.#told;
    this.#told = this.#history.end;
    const policies = this.#states(now).filter(({ policy }) => this.#untold.has(policy));
    this.#untold.clear();
    const delta = this.#delta(before, policies, now);
    const skipped = delta.skipped + this.#skipped;
    this.#skipped = 0;
    this.#viewers.tell({ ...delta, skipped }, before, (number) => this.#since(number, now));
  }

  #snapshot(now: number): LiveMessage {
    const { events } = this.#history.between(0, this.#told);
    const parts = [...this.#known.values()].map((part) => ({
      ...part,
      policies: [...part.policies.values()],
    }));
    const place = this.#history.place(this.#told, now);
    return { type: "snapshot", place, state: mergedState(parts, now), events };
  }

  /** What one has missed who knows the events up to a number. */
  #since(number: number, now: number): LiveMessage {
    return this.#delta(number, this.#states(now), now);
  }

  #delta(from: number, policies: readonly PolicyState[], now: number): LiveDelta {
    const parts = [...this.#known.values()];
    const alerts = mergedAlerts(parts.map((part) => part.alerts ?? []));
    return {
      type: "delta",
      place: this.#history.place(this.#told, now),
      at: now,
      totals: summed(parts),
      policies,
      ...(alerts.length > 0 && { alerts }),
      ...this.#history.between(from, this.#told),
    };
  }

  /** The policies of which a window still knows something. */
  #states(now: number): PolicyState[] {
    const parts = [...this.#known.values()];
    const since = Math.min(now, ...parts.map((part) => part.since));
    const others = mergedOthers(parts, since, now);
    const states = parts.flatMap(({ policies }) => [...policies.values()]);
    return [...states, ...(others === undefined ? [] : [others])].filter(
      ({ lastEventAt }) => now - lastEventAt <= windowSpans["15m"],
    );
  }

  #count(): number {
    return Number(this.ctx.id.name?.split(".").at(-1));
  }

  #shardOf(policy: string) {
    const shards = this.#count();
    return this.env.OBSERVER.getByName(`${this.ctx.id.name}.${shardOf(policy, shards)}`);
  }

  #shards() {
    const { name } = this.ctx.id;
    return Array.from({ length: this.#count() }, (_, index) =>
      this.env.OBSERVER.getByName(`${name}.${index}`),
    );
  }
}

function newest(events: readonly ObservedEvent[]): readonly ObservedEvent[] {
  return events.toSorted((a, b) => a.at - b.at).slice(-eventsKept);
}
