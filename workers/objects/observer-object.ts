import { DurableObject } from "cloudflare:workers";
import type { CircuitState } from "ninelives";
import {
  type CountedPart,
  type History,
  type LiveMessage,
  metricsOf,
  type Observer,
  type ObserverPart,
  otherPolicies,
  type PolicyState,
  type SystemState,
  type TallyPart,
  type WindowName,
} from "ninelives/observer";
import { type EventBatch, openMetricsText, prometheusText } from "ninelives/telemetry";
import { AlertDesk } from "./alert-desk.ts";
import { ParentLink, type ShardBindings, type ShardNews } from "./parent-link.ts";
import { StoredObserver } from "./stored-observer.ts";
import { Viewers } from "./viewers.ts";

/** Milliseconds between messages to a viewer while events come. */
const updateEvery = 250;
/** Milliseconds between messages when none come, as long as a window still holds something. */
const signEvery = 1_000;
/** Milliseconds between messages to an event stream when nothing happens: a line that is silent for long may be cut. */
const quietEvery = 15_000;
/** Milliseconds between messages that hold all policies, for windows age: they have slots of that length. */
const ageEvery = 5_000;
/** A policy that was silent for longer than the longest window has nothing left to age. */
const longestWindow = 900_000;
/**
 * Watches: folds events into windows, answers what is asked, and tells viewers as it goes.
 *
 * Viewers' sockets hibernate, so that nobody watching a quiet system costs nothing.
 */
export class ObserverObject extends DurableObject<unknown> {
  readonly #stored: StoredObserver;
  readonly #viewers: Viewers;
  /** The policies that viewers were not told of since they changed. */
  readonly #untold = new Set<string>();
  /** The number of the last event that viewers were told of. */
  #told: number;
  #agedAt = 0;
  readonly #desk: AlertDesk;
  readonly #parent: ParentLink;
  #updating: { readonly timer: ReturnType<typeof setTimeout>; readonly at: number } | undefined;
  #updatedAt = 0;

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env);
    const bindings = (env as (ShardBindings & { readonly ALERTS?: string }) | null) ?? {};
    this.#stored = new StoredObserver(state.storage.kv);
    this.#told = this.#history.end;
    this.#viewers = new Viewers(state);
    this.#parent = new ParentLink(state, bindings);
    this.#desk = new AlertDesk(state, bindings.ALERTS, this.#parent.isShard ? otherPolicies : undefined);
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  get #observer(): Observer {
    return this.#stored.observer;
  }

  get #history(): History {
    return this.#stored.history;
  }

  /**
   * Takes what an isolate has counted: the JSON of a part of its tally.
   *
   * @param id of the telling: one that comes again, since its answer was lost, is known by it
   */
  tell(id: string, text: string): void {
    const now = Date.now();
    const changed = this.#stored.merge(id, JSON.parse(text) as TallyPart, now);
    if (changed !== undefined) this.#took(changed, now);
  }

  /** Takes over a batch that the collector has read, as it is or as JSON, which comes over for less. */
  ingest(batch: EventBatch | string): void {
    const now = Date.now();
    const read = typeof batch === "string" ? (JSON.parse(batch) as EventBatch) : batch;
    this.#took(this.#stored.take(read, now), now);
  }

  #took(changed: ReadonlySet<string>, now: number): void {
    this.#desk.lookSoon();
    if (!this.#isWatched()) {
      this.#told = this.#history.end;
      return;
    }
    for (const policy of changed) this.#untold.add(policy);
    this.#updateIn(Math.max(0, updateEvery - (now - this.#updatedAt)));
  }

  state(): SystemState {
    const now = Date.now();
    return { ...this.#observer.getSystemState(now), gaps: this.#stored.gaps(now), ...this.#alerts() };
  }

  /** What is known of a policy, `undefined` when nobody told of it. */
  getPolicyState(policy: string): PolicyState | undefined {
    return this.#observer.getPolicyState(policy, Date.now());
  }

  /** A policy's failures by requests, or `null` when that is unknown. */
  getErrorRate(policy: string, window: WindowName): number | null {
    return this.#observer.getErrorRate(policy, window, Date.now());
  }

  /** All that is known, as `/v1/state` has it. */
  getSystemState(): SystemState {
    return this.state();
  }

  getCircuitState(circuit: string): CircuitState | undefined {
    return this.#observer.getCircuitState(circuit);
  }

  /** What this one of several observers knows: the JSON of a part, which comes over for less. */
  part(): string {
    return JSON.stringify(this.#part(this.#states(this.#observer.policies(), Date.now())));
  }

  /** Has this one of several observers tell its parent what changes from now on. @returns the JSON of news, with all that it knows */
  watch(parent: string, shard: number): string {
    this.#parent.watch(parent, shard);
    this.#updateIn(signEvery);
    const news: Omit<ShardNews, "shard"> = {
      ...this.#part(this.#states(this.#observer.policies(), Date.now())),
      recent: this.#history.between(0, this.#told).events,
      skipped: 0,
    };
    return JSON.stringify(news);
  }

  /** What this one of several observers has counted. */
  counted(): CountedPart {
    const policies = this.#observer.totals().filter(({ policy }) => policy !== otherPolicies);
    return { dropped: this.#observer.dropped, policies, others: this.#others() };
  }

  /** What this one of several observers does not tell apart: JSON, which comes over for less. */
  others(): string {
    return JSON.stringify({ since: this.#observer.since, others: this.#others() });
  }

  /** Looks at the rules for alerts. */
  override alarm(): void {
    const now = Date.now();
    const { policies } = this.#observer.getSystemState(now);
    // Not awaited: no other alarm comes while this one is under way, and a webhook may be slow.
    this.ctx.waitUntil(this.#desk.look(policies, now));
    const others = policies.find(({ policy }) => policy === otherPolicies);
    if (others !== undefined && !isSilent(others, now)) this.ctx.waitUntil(this.#parent.lookAtOthers());
    this.#updateIn(Math.max(0, updateEvery - (now - this.#updatedAt)));
  }

  /** The counters in Prometheus' text format, or in OpenMetrics'. */
  metrics(open = false): string {
    return (open ? openMetricsText : prometheusText)(metricsOf(this.#observer, Date.now()));
  }

  /** A viewer comes, by WebSocket or for server-sent events. The Worker has checked that they may. */
  override fetch(request: Request): Response {
    const now = Date.now();
    const place = request.headers.get("last-event-id") ?? new URL(request.url).searchParams.get("after");
    const number = place === null ? undefined : this.#history.find(place, now);
    // Whoever comes now hears of what the others were told, and with them of what follows.
    const first = number === undefined ? this.#snapshot(now) : this.#since(number, now);
    const bySocket = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    const response = bySocket
      ? this.#viewers.acceptSocket(request, first)
      : this.#viewers.acceptStream(request, first);
    this.#updateIn(signEvery);
    return response;
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    socket.close(code === 1005 || code === 1006 ? 1000 : code);
  }

  override webSocketError(): void {
    // The close that follows is enough.
  }

  #alerts(): Pick<SystemState, "alerts"> {
    const alerts = this.#desk.reports();
    return alerts === undefined ? {} : { alerts };
  }

  /** Comes to tell the viewers after so long, or when it was to come anyway if that is sooner. */
  #updateIn(ms: number): void {
    const at = Date.now() + ms;
    if (this.#updating !== undefined && this.#updating.at <= at) return;
    if (this.#updating !== undefined) clearTimeout(this.#updating.timer);
    this.#updating = { timer: setTimeout(() => this.#update(), ms), at };
  }

  /** Tells all viewers what changed, and comes again while windows still age. */
  #update(): void {
    this.#updating = undefined;
    const now = Date.now();
    this.#updatedAt = now;
    if (!this.#isWatched()) return;
    const before = this.#told;
    this.#told = this.#history.end;
    const whole = now - this.#agedAt >= ageEvery;
    const policies = whole ? this.#known(now) : this.#states(this.#untold, now);
    if (whole) this.#agedAt = now;
    this.#untold.clear();
    const since = (number: number): LiveMessage => this.#since(number, now);
    this.#viewers.tell(this.#delta(before, policies, now), before, since);
    if (this.#parent.watches) {
      const { events: recent, skipped } = this.#history.between(before, this.#told);
      const forgotten = this.#stored.forgottenSince(before);
      this.ctx.waitUntil(this.#parent.tell({ ...this.#part(policies), recent, skipped, ...forgotten }));
    }
    if (now - this.#observer.lastEventAt <= longestWindow) this.#updateIn(signEvery);
    else if (this.#viewers.streams > 0) this.#updateIn(quietEvery);
  }

  #isWatched(): boolean {
    return this.#viewers.size > 0 || this.#parent.watches;
  }

  #part(policies: readonly PolicyState[]): ObserverPart {
    const now = Date.now();
    const { since, events, dropped } = this.#observer;
    return {
      since,
      events,
      dropped,
      policies: policies.filter(({ policy }) => policy !== otherPolicies),
      others: this.#others(),
      gaps: this.#stored.gaps(now),
      alerts: this.#desk.reports() ?? null,
    };
  }

  #others(): ObserverPart["others"] {
    const snapshot = this.#observer.snapshot(otherPolicies);
    if (snapshot === undefined) return null;
    return { snapshot, reporters: this.#observer.getPolicyState(otherPolicies, Date.now())?.reporters ?? 0 };
  }

  #snapshot(now: number): LiveMessage {
    const { events } = this.#history.between(0, this.#told);
    return { type: "snapshot", place: this.#history.place(this.#told, now), state: this.state(), events };
  }

  /** What one has missed who knows the events up to a number. */
  #since(number: number, now: number): LiveMessage {
    return this.#delta(number, this.#known(now), now);
  }

  #delta(from: number, policies: readonly PolicyState[], now: number): LiveMessage {
    const { events, dropped } = this.#observer;
    const gaps = this.#stored.gaps(now);
    return {
      type: "delta",
      place: this.#history.place(this.#told, now),
      at: now,
      totals: { events, dropped },
      policies,
      ...this.#alerts(),
      ...(gaps.length > 0 && { gaps }),
      ...this.#stored.forgottenSince(from),
      ...this.#history.between(from, this.#told),
    };
  }

  /** The policies of which a window still knows something. */
  #known(now: number): PolicyState[] {
    return this.#states(this.#observer.policies(), now).filter((policy) => !isSilent(policy, now));
  }

  #states(policies: Iterable<string>, now: number): PolicyState[] {
    return [...policies]
      .map((policy) => this.#observer.getPolicyState(policy, now))
      .filter((state) => state !== undefined);
  }
}

function isSilent({ lastEventAt }: PolicyState, now: number): boolean {
  return now - lastEventAt > longestWindow;
}
