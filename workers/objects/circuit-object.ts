import { DurableObject } from "cloudflare:workers";
import { type Policy, rateLimit } from "ninelives";
import {
  type CircuitCommand,
  type CircuitReport,
  type CircuitView,
  command,
  coordinate,
  endsIn,
  expire,
  type FollowMessage,
  followProtocol,
  isNews,
  largestReport,
  mustStore,
  Region,
  type RegionRecord,
  type Report,
  ReportError,
  readRegionReport,
  readReport,
  resetLimit,
  revive,
  type SharedRecord,
  type View,
  type ViewFor,
  viewOf,
} from "ninelives/stores/durable-object";
import { endOf, expired, keepUntil } from "./connection.ts";

/** Milliseconds between snapshots of what may be lost: who reported last, and how much. */
const snapshotEvery = 5_000;
/** The platform takes 32,768 sockets; telling them all must not take long. */
const mostFollowers = 10_000;
/** Messages a second of one follower; a report goes every two seconds, and every half while a circuit is half-open. */
const mostMessages = 20;
/** Milliseconds after which a follower has to show its token again: one that was revoked must not be followed for ever. */
const longestConnection = 3_600_000;

interface CircuitEnv {
  /** Where the home of a region finds the root. */
  readonly CIRCUITS?: { getByName(name: string): { merge(report: CircuitReport): Promise<CircuitView> } };
}

/**
 * The home of one shared circuit, limit or lease, reached by its name; or that of one region of a circuit, reached by both
 * names.
 *
 * What matters is stored before it is told (transitions, permits, votes); counts are stored every few seconds. Reports
 * come by RPC, or over the sockets of followers, which hibernate with the object and hear of each change at once.
 */
export class CircuitObject extends DurableObject<CircuitEnv> {
  #record: SharedRecord | undefined;
  #region: Region | undefined;
  #storedAt = 0;
  #refused = 0;
  #wakesAt = Infinity;
  readonly #rates = new WeakMap<WebSocket, Policy>();

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env as CircuitEnv);
    const stored = state.storage.kv.get<SharedRecord>("record");
    this.#record = stored && revive(stored);
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /**
   * Takes a replica's report and answers with what the fleet knows.
   *
   * @throws ReportError when it is none, whoever sent it
   */
  sync(report: Report): View {
    return this.#decide(this.#read(readReport, report));
  }

  /**
   * Takes what the home of a region says for its replicas. Only Workers that have the namespace can call it.
   *
   * @throws ReportError when it is no report of a region
   */
  merge(report: CircuitReport): CircuitView {
    return this.#decide(this.#read(readRegionReport, report));
  }

  /**
   * Takes a replica's report as the home of its region, and answers with what the root said last.
   *
   * @throws RootLostError when the root gave no word that still holds, ReportError when it is no report
   */
  relay(name: string, region: string, report: CircuitReport): Promise<CircuitView> {
    const read = this.#read(readReport, report) as CircuitReport;
    this.#region ??= this.#regionOf(name, region);
    return this.#region.sync(read);
  }

  /** Does as a person says. */
  command(what: CircuitCommand): CircuitView {
    const now = Date.now();
    const record = command(this.#record, what, now);
    this.#keep(record, now);
    return viewOf(record);
  }

  /** Has the replicas of a limiter forget what they have counted. */
  reset(): void {
    const now = Date.now();
    this.#keep(resetLimit(this.#record, now), now);
  }

  /** What is known of the circuit now. */
  view(): CircuitView | undefined {
    return this.#record?.kind === "circuit" ? viewOf(this.#record) : undefined;
  }

  /** Reports that were none, since the object was started. */
  refused(): number {
    return this.#refused;
  }

  /** A follower comes, by WebSocket. The Worker has checked that it may. */
  override fetch(request: Request): Response {
    if (this.ctx.getWebSockets().length >= mostFollowers) return new Response(null, { status: 503 });
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    this.ctx.acceptWebSocket(server);
    keepUntil(server, Math.min(endOf(request), Date.now() + longestConnection));
    // What it missed while it was away.
    if (this.#record !== undefined) send(server, { view: viewOf(this.#record) });
    const offered = request.headers.get("sec-websocket-protocol") !== null;
    return new Response(null, {
      status: 101,
      webSocket: client,
      ...(offered && { headers: { "sec-websocket-protocol": followProtocol } }),
    });
  }

  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    if (expired(socket)) return;
    if (typeof message !== "string" || message.length > largestReport) {
      this.#refused++;
      socket.close(1009, `a report is text of at most ${largestReport} characters`);
      return;
    }
    const rate = this.#rates.get(socket) ?? rateLimit({ limit: mostMessages, per: "1s" });
    this.#rates.set(socket, rate);
    try {
      await rate.execute(async () => this.#hear(socket, message));
    } catch {
      this.#refused++;
      socket.close(1008, `a follower sends at most ${mostMessages} messages a second`);
    }
  }

  /** A follower's report, and the answer to it. */
  #hear(socket: WebSocket, message: string): void {
    let id = 0;
    try {
      const request = JSON.parse(message) as { readonly id: number; readonly report: Report };
      id = request.id;
      send(socket, { id, view: this.sync(request.report) });
    } catch (error) {
      if (error instanceof SyntaxError) this.#refused++;
      // What is not ours may hold what nobody should see.
      const refused = error instanceof ReportError || error instanceof SyntaxError;
      send(socket, { id, error: refused ? error.message : "it failed", ...(refused && { refused }) });
    }
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    socket.close(code === 1005 || code === 1006 ? 1000 : code);
  }

  override webSocketError(): void {
    // The close that follows is enough.
  }

  /** Ends a lease that nobody renewed, so that those who wait for it hear. */
  override alarm(): void {
    this.#wakesAt = Infinity;
    const now = Date.now();
    if (this.#record !== undefined) this.#keep(expire(this.#record, now), now);
  }

  #decide<R extends Report>(report: R): ViewFor<R> {
    const now = Date.now();
    const [record, view] = coordinate(this.#record, report, now);
    this.#keep(record, now);
    return view;
  }

  #regionOf(circuit: string, name: string): Region {
    const { kv } = this.ctx.storage;
    const { CIRCUITS } = this.env;
    if (CIRCUITS === undefined)
      throw new Error("the home of a region finds the root by the binding CIRCUITS, and there is none");
    return new Region({
      name,
      record: kv.get<RegionRecord>("region"),
      keep: (record, atOnce) => {
        const now = Date.now();
        if (!atOnce && now - this.#storedAt < snapshotEvery) return;
        kv.put("region", record);
        this.#storedAt = now;
      },
      // A new stub each time: one that failed stays broken.
      root: (report) => CIRCUITS.getByName(circuit).merge(report),
    });
  }

  #read<R>(read: (report: unknown) => R, report: unknown): R {
    try {
      return read(report);
    } catch (error) {
      this.#refused++;
      throw error;
    }
  }

  /** Stores what must not be lost, and only then lets anybody know. */
  #keep(record: SharedRecord, now: number): void {
    const before = this.#record;
    if (mustStore(before, record) || now - this.#storedAt >= snapshotEvery) {
      // Another instance may have taken over: then this throws, and what it would have decided never was.
      this.ctx.storage.kv.put("record", record);
      this.#storedAt = now;
    }
    this.#record = record;
    this.#wakeAtItsEnd(record, now);
    if (!isNews(before, record)) return;
    const news: FollowMessage = { view: viewOf(record) };
    for (const follower of this.ctx.getWebSockets()) if (!expired(follower)) send(follower, news);
  }

  /** Only a lease that is held ends by itself, and only followers wait to be told. Renewals set no new alarm. */
  #wakeAtItsEnd(record: SharedRecord, now: number): void {
    const left = endsIn(record);
    if (left === undefined || this.ctx.getWebSockets().length === 0) return;
    const at = now + Math.max(left, 0);
    if (this.#wakesAt <= at) return;
    this.#wakesAt = at;
    this.ctx.waitUntil(this.ctx.storage.setAlarm(at));
  }
}

function send(follower: WebSocket, message: FollowMessage): void {
  try {
    follower.send(JSON.stringify(message));
  } catch {
    // It closed between the list and the sending; its close event follows.
  }
}
