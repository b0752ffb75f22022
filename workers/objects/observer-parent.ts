import { DurableObject } from "cloudflare:workers";
import type { CircuitState } from "ninelives";
import {
  type CountedPart,
  Forgotten,
  History,
  type LiveMessage,
  mergedCounts,
  mergedOthers,
  mergedState,
  metricsOf,
  type ObservedEvent,
  type ObserverPart,
  otherPolicies,
  type PolicyState,
  type SystemState,
  ToldParts,
  type WindowName,
  worstState,
} from "ninelives/observer";
import { openMetricsText, prometheusText } from "ninelives/telemetry";
import { AlertDesk } from "./alert-desk.ts";
import type { ShardNews } from "./parent-link.ts";
import { type ParentBindings, Shards } from "./shards.ts";
import { Viewers } from "./viewers.ts";

/** Milliseconds between messages to a viewer. */
const updateEvery = 250;
/** Milliseconds between looks for shards that ought to have told something. */
const lookEvery = 5_000;
const eventsKept = 200;

type LiveDelta = Extract<LiveMessage, { readonly type: "delta" }>;

/**
 * Puts together what the shards of an observer know, for whoever asks or looks on.
 *
 * Its name ends in their number, as in `observer.4`, and theirs are `observer.4.0` to `observer.4.3`. Of what they know it
 * stores nothing: they tell it what changes only while somebody looks on, and after a restart it asks them anew. A shard that
 * does not answer is named with what the others know, and asked again as long as somebody looks on.
 */
export class ObserverParent extends DurableObject<ParentBindings> {
  #history = new History(crypto.randomUUID());
  #forgotten = new Forgotten();
  readonly #viewers: Viewers;
  readonly #shards: Shards;
  /** Looks at the policies that no shard tells apart; each shard looks at its own. */
  readonly #desk: AlertDesk;
  /** Absent until the shards were asked, and again when nobody looks on any more. */
  #told: ToldParts | undefined;
  /** The policies that viewers were not told of since they changed. */
  readonly #untold = new Set<string>();
  /** The number of the last event that viewers were told of. */
  #toldEvents = 0;
  #skipped = 0;
  /** Viewers that are about to look on. */
  #arriving = 0;
  #updatedAt = 0;
  #updating = false;
  #lookedAt = 0;
  #looksLater = false;
  #asking: Promise<ToldParts> | undefined;

  constructor(state: DurableObjectState, env: ParentBindings) {
    super(state, env);
    this.#viewers = new Viewers(state);
    this.#shards = new Shards(state.id.name, env);
    this.#desk = new AlertDesk(state, env.ALERTS);
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /** @throws what a shard threw, when none answered */
  async state(): Promise<SystemState> {
    const { answered, absent } = await this.#shards.ask((shard) => shard.part());
    const parts = answered.map(([, part]) => JSON.parse(part) as ObserverPart);
    return mergedState(parts, Date.now(), { absent, alerts: this.#desk.reports() });
  }

  /** What is known of a policy, `undefined` when nobody told of it. */
  async getPolicyState(policy: string): Promise<PolicyState | undefined> {
    return policy === otherPolicies ? this.#others() : this.#shards.home(policy).getPolicyState(policy);
  }

  /** A policy's failures by requests, or `null` when that is unknown. */
  async getErrorRate(policy: string, window: WindowName): Promise<number | null> {
    return (await this.getPolicyState(policy))?.windows[window].errorRate ?? null;
  }

  /** @throws where no shard knows the circuit and one did not answer, for it may be that one's */
  async getCircuitState(circuit: string): Promise<CircuitState | undefined> {
    const { answered, absent, reason } = await this.#shards.ask((shard) => shard.getCircuitState(circuit));
    const found = worstState(answered.map(([, state]) => state));
    if (found === undefined && absent !== undefined) throw reason;
    return found;
  }

  /** All that is known, as `/v1/state` has it. */
  getSystemState(): Promise<SystemState> {
    return this.state();
  }

  /** The counters in Prometheus' text format, or in OpenMetrics'. */
  async metrics(open = false): Promise<string> {
    const { answered, absent } = await this.#shards.ask((shard) => shard.counted());
    // The types of what comes from another object know no pairs.
    const parts = answered.map(([, part]) => part) as unknown as CountedPart[];
    return (open ? openMetricsText : prometheusText)(
      metricsOf(mergedCounts(parts, absent?.shards.length), Date.now()),
    );
  }

  /** A shard has calls of policies that it does not tell apart: what all have of those is looked at together. */
  lookAtOthers(): void {
    this.#desk.lookSoon();
  }

  override async alarm(): Promise<void> {
    const others = await this.#others();
    // Not awaited: no other alarm comes while this one is under way, and a webhook may be slow.
    this.ctx.waitUntil(this.#desk.look(others === undefined ? [] : [others], Date.now()));
    if (this.#told !== undefined) this.#updateSoon();
  }

  /** A viewer comes, by WebSocket or for server-sent events. The Worker has checked that they may. */
  override async fetch(request: Request): Promise<Response> {
    this.#arriving++;
    try {
      const told = await this.#watched();
      return this.#welcome(request, told, Date.now());
    } finally {
      this.#arriving--;
    }
  }

  #welcome(request: Request, told: ToldParts, now: number): Response {
    const place = request.headers.get("last-event-id") ?? new URL(request.url).searchParams.get("after");
    const number = place === null ? undefined : this.#history.find(place, now);
    const first = number === undefined ? this.#snapshot(told, now) : this.#since(told, number, now);
    return request.headers.get("upgrade")?.toLowerCase() === "websocket"
      ? this.#viewers.acceptSocket(request, first)
      : this.#viewers.acceptStream(request, first);
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    socket.close(code === 1005 || code === 1006 ? 1000 : code);
  }

  override webSocketError(): void {
    // The close that follows is enough.
  }

  /** A shard tells what changed. @returns whether it is to tell more: nobody may look on any more */
  async tell({ shard, recent, skipped, forgotten = [], ...part }: ShardNews): Promise<boolean> {
    if (this.#viewers.size === 0 && this.#arriving === 0) {
      this.#told = undefined;
      return false;
    }
    const before = this.#told;
    if (before === undefined) {
      // After a restart the viewers are there still, and what the shards know is not: it is asked for, with these news.
      const asks = this.#asking === undefined;
      const told = await this.#watched();
      const now = Date.now();
      if (asks)
        this.#viewers.tell(this.#snapshot(told, now), this.#toldEvents, (number) =>
          this.#since(told, number, now),
        );
      return true;
    }
    // One that did not answer is back: what it knows beside these news is asked for, with them.
    if (!before.has(shard)) await this.#askAgain(before, [shard]);
    else {
      before.keep(shard, part, Date.now(), forgotten);
      this.#hear(part, recent, forgotten);
      this.#skipped += skipped;
    }
    this.#updateSoon();
    return true;
  }

  /** Has all shards tell what changes from now on, and takes up what they know. */
  async #watched(): Promise<ToldParts> {
    if (this.#told !== undefined && this.#viewers.size > 0) return this.#told;
    this.#asking ??= this.#watch().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #watch(): Promise<ToldParts> {
    const told = new ToldParts(this.#shards.count);
    const parts = await this.#askNews();
    for (const [shard, { part }] of parts) told.keep(shard, part, Date.now());
    // What happened while nobody looked on was not told: places of before mean nothing any more.
    this.#history = new History(crypto.randomUUID());
    this.#forgotten = new Forgotten();
    this.#history.add(newest(parts.flatMap(([, { recent }]) => recent)));
    this.#toldEvents = this.#history.end;
    this.#skipped = 0;
    this.#told = told;
    if (told.absent !== undefined) this.#lookLater(told);
    return told;
  }

  /** Asks some shards anew what they know: they did not answer, or fell silent. */
  async #askAgain(told: ToldParts, shards: readonly number[]): Promise<void> {
    const parts = await this.#askNews(shards).catch(() => []);
    for (const shard of shards) if (!parts.some(([answered]) => answered === shard)) told.lose(shard);
    for (const [shard, { part, recent }] of parts) {
      const heardAt = told.heardAt(shard);
      const forgotten = told.keepAll(shard, part, Date.now());
      this.#hear(
        part,
        recent.filter(({ at }) => at > heardAt),
        forgotten,
      );
    }
  }

  /** Has shards tell what changes from now on, and gives what they know. */
  async #askNews(shards?: readonly number[]) {
    const id = this.ctx.id.toString();
    const { answered } = await this.#shards.ask((shard, number) => shard.watch(id, number), shards);
    return answered.map(([shard, text]) => {
      const { recent, skipped: _, ...part } = JSON.parse(text) as ShardNews;
      return [shard, { part, recent }] as const;
    });
  }

  /** The policies that no shard tells apart. */
  async #others(): Promise<PolicyState | undefined> {
    const { answered } = await this.#shards.ask((shard) => shard.others());
    const parts = answered.map(([, text]) => JSON.parse(text) as Pick<ObserverPart, "since" | "others">);
    return mergedOthers(parts, Math.min(...parts.map(({ since }) => since)), Date.now());
  }

  #hear(
    { policies, others }: ObserverPart,
    recent: readonly ObservedEvent[],
    forgotten: readonly string[],
  ): void {
    this.#forgotten.add(forgotten, this.#toldEvents);
    for (const { policy } of policies) this.#untold.add(policy);
    if (others !== null) this.#untold.add(otherPolicies);
    this.#history.add(recent);
  }

  /**
   * Asks shards that ought to have told something, and comes again as long as one does not answer. While all do no timer keeps
   * the object awake: their own news make it look.
   */
  async #look(told: ToldParts): Promise<void> {
    const now = Date.now();
    if (this.#lookedAt + lookEvery > now) return;
    this.#lookedAt = now;
    const overdue = told.overdue(now);
    if (overdue.length === 0) return;
    await this.#askAgain(told, overdue);
    this.#updateSoon();
    if (told.absent !== undefined) this.#lookLater(told);
  }

  #lookLater(told: ToldParts): void {
    if (this.#looksLater) return;
    this.#looksLater = true;
    setTimeout(() => {
      this.#looksLater = false;
      this.#lookedAt = 0;
      if (this.#told === told && this.#viewers.size > 0) this.#look(told);
    }, lookEvery);
  }

  #updateSoon(): void {
    if (this.#updating) return;
    this.#updating = true;
    setTimeout(() => this.#update(), Math.max(0, updateEvery - (Date.now() - this.#updatedAt)));
  }

  #update(): void {
    this.#updating = false;
    const told = this.#told;
    if (told === undefined) return;
    const now = Date.now();
    this.#updatedAt = now;
    const before = this.#toldEvents;
    this.#toldEvents = this.#history.end;
    const policies = told.states(now).filter(({ policy }) => this.#untold.has(policy));
    this.#untold.clear();
    const delta = this.#delta(told, before, policies, now);
    const skipped = delta.skipped + this.#skipped;
    this.#skipped = 0;
    this.#viewers.tell({ ...delta, skipped }, before, (number) => this.#since(told, number, now));
    this.ctx.waitUntil(this.#look(told));
  }

  #snapshot(told: ToldParts, now: number): LiveMessage {
    const { events } = this.#history.between(0, this.#toldEvents);
    const place = this.#history.place(this.#toldEvents, now);
    return { type: "snapshot", place, state: told.state(now, this.#desk.reports()), events };
  }

  /** What one has missed who knows the events up to a number. */
  #since(told: ToldParts, number: number, now: number): LiveMessage {
    return this.#delta(told, number, told.states(now), now);
  }

  #delta(told: ToldParts, from: number, policies: readonly PolicyState[], now: number): LiveDelta {
    const alerts = told.alerts(this.#desk.reports());
    const { absent, gaps } = told;
    return {
      type: "delta",
      place: this.#history.place(this.#toldEvents, now),
      at: now,
      totals: told.sums,
      policies,
      ...(alerts.length > 0 && { alerts }),
      ...(gaps.length > 0 && { gaps }),
      ...(absent !== undefined && { absent }),
      ...this.#forgotten.since(from, (policy) => told.knows(policy)),
      ...this.#history.between(from, this.#toldEvents),
    };
  }
}

function newest(events: readonly ObservedEvent[]): readonly ObservedEvent[] {
  return events.toSorted((a, b) => a.at - b.at).slice(-eventsKept);
}
