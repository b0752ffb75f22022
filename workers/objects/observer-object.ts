import { DurableObject } from "cloudflare:workers";
import {
  type LiveMessage,
  liveProtocol,
  metricsOf,
  type ObservedEvent,
  Observer,
  type PolicySnapshot,
  type PolicyState,
  type SystemState,
} from "ninelives/observer";
import { type EventBatch, openMetricsText, prometheusText } from "ninelives/telemetry";
import { AlertDesk } from "./alert-desk.ts";

/** Milliseconds between messages to a viewer while events come. */
const updateEvery = 250;
/** Milliseconds between messages when none come, as long as a window still holds something. */
const ageEvery = 1_000;
/** A policy that was silent for longer than the longest window has nothing left to age. */
const longestWindow = 900_000;
const eventsKept = 200;
/** Milliseconds between what is stored of a policy: at most so much is lost by a restart. */
const storeEvery = 5_000;
/** Milliseconds between looks at the rules for alerts: the windows have slots of that length. */
const lookEvery = 5_000;

/**
 * Watches: folds events into windows, answers what is asked, and tells viewers as it goes.
 *
 * Viewers' sockets hibernate, so that nobody watching a quiet system costs nothing.
 */
export class ObserverObject extends DurableObject<unknown> {
  readonly #observer: Observer;
  readonly #recent: ObservedEvent[] = [];
  readonly #unsent: ObservedEvent[] = [];
  readonly #unstored = new Set<string>();
  readonly #desk: AlertDesk;
  /** Whether an alarm is set, as far as this life of the object knows. */
  #looking = false;
  #skipped = 0;
  #updating: { readonly timer: ReturnType<typeof setTimeout>; readonly at: number } | undefined;
  #storing: ReturnType<typeof setTimeout> | undefined;
  #updatedAt = 0;

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env);
    const { kv } = state.storage;
    const since = kv.get<number>("since");
    this.#observer = new Observer(since ?? Date.now());
    if (since === undefined) kv.put("since", this.#observer.since);
    const counted = kv.get<{ events: number; dropped: number }>("counted");
    Object.assign(this.#observer, counted);
    for (const [, snapshot] of kv.list<PolicySnapshot>({ prefix: "policy:" }))
      this.#observer.restore(snapshot);
    this.#desk = new AlertDesk(kv, (env as { readonly ALERTS?: string } | null)?.ALERTS);
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /** Takes a batch that the collector has read. */
  ingest(batch: EventBatch): void {
    const now = Date.now();
    const events = this.#observer.fold(batch, now);
    for (const { policy } of events) this.#unstored.add(policy);
    this.#recent.push(...events);
    this.#recent.splice(0, this.#recent.length - eventsKept);
    // The timer keeps the object awake until all is stored; after that it may sleep.
    this.#storing ??= setTimeout(() => this.#store(), storeEvery);
    if (this.#desk.watches && !this.#looking) this.#lookIn(lookEvery);
    if (this.ctx.getWebSockets().length === 0) return;
    this.#unsent.push(...events);
    const overflow = Math.max(0, this.#unsent.length - eventsKept);
    this.#unsent.splice(0, overflow);
    this.#skipped += overflow;
    this.#updateIn(Math.max(0, updateEvery - (now - this.#updatedAt)));
  }

  state(): SystemState {
    return { ...this.#observer.getSystemState(Date.now()), ...this.#alerts() };
  }

  /** Looks at the rules for alerts, as long as a window holds something or somebody has to be told. */
  override alarm(): void {
    this.#looking = false;
    const now = Date.now();
    const { policies } = this.#observer.getSystemState(now);
    const told = this.#desk.look(policies, now);
    if (policies.some((policy) => !isSilent(policy, now)) || this.#desk.waits) this.#lookIn(lookEvery);
    // Not awaited: no other alarm comes while this one is under way, and a webhook may be slow.
    this.ctx.waitUntil(told);
    this.#updateIn(Math.max(0, updateEvery - (now - this.#updatedAt)));
  }

  /** The counters in Prometheus' text format, or in OpenMetrics'. */
  metrics(open = false): string {
    return (open ? openMetricsText : prometheusText)(metricsOf(this.#observer));
  }

  /** A viewer comes, by WebSocket. The Worker has checked that they may. */
  override fetch(request: Request): Response {
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    this.ctx.acceptWebSocket(server);
    this.#send(server, { type: "snapshot", state: this.state(), events: this.#recent });
    this.#updateIn(ageEvery);
    const offered = request.headers.get("sec-websocket-protocol") !== null;
    return new Response(null, {
      status: 101,
      webSocket: client,
      ...(offered && { headers: { "sec-websocket-protocol": liveProtocol } }),
    });
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    socket.close(code === 1005 || code === 1006 ? 1000 : code);
  }

  override webSocketError(): void {
    // The close that follows is enough.
  }

  #store(): void {
    this.#storing = undefined;
    const { kv } = this.ctx.storage;
    const { events, dropped } = this.#observer;
    kv.put("counted", { events, dropped });
    for (const policy of this.#unstored) kv.put(`policy:${policy}`, this.#observer.snapshot(policy));
    this.#unstored.clear();
    for (const policy of this.#observer.forgotten.splice(0)) kv.delete(`policy:${policy}`);
  }

  #lookIn(ms: number): void {
    if (this.#looking) return;
    this.#looking = true;
    this.ctx.waitUntil(this.ctx.storage.setAlarm(Date.now() + ms));
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
    const viewers = this.ctx.getWebSockets();
    if (viewers.length === 0) return;
    const policies = this.#observer
      .policies()
      .map((policy) => this.#observer.getPolicyState(policy, now) as PolicyState)
      .filter((policy) => !isSilent(policy, now));
    const { events, dropped } = this.#observer;
    const message: LiveMessage = {
      type: "delta",
      at: now,
      totals: { events, dropped },
      policies,
      ...this.#alerts(),
      events: this.#unsent.splice(0),
      skipped: this.#skipped,
    };
    this.#skipped = 0;
    for (const viewer of viewers) this.#send(viewer, message);
    if (policies.length > 0) this.#updateIn(ageEvery);
  }

  #send(viewer: WebSocket, message: LiveMessage): void {
    try {
      viewer.send(JSON.stringify(message));
    } catch {
      // It closed between the list and the sending; its close event follows.
    }
  }
}

function isSilent({ lastEventAt }: PolicyState, now: number): boolean {
  return now - lastEventAt > longestWindow;
}
