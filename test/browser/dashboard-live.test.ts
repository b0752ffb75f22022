import type { LiveMessage, SystemState } from "ninelives/observer";
import { ManualClock } from "ninelives/testing";
import { beforeEach, describe, expect, it } from "vitest";
import { ProblemError } from "../../web/api.ts";
import { followLive, type Live } from "../../web/live.ts";
import type { Link } from "../../web/model.ts";
import { token } from "../../web/token.ts";

const state: SystemState = { version: 1, at: 1, since: 0, events: 0, dropped: 0, policies: [] };

/** A socket whose other side the test plays. */
class PlayedSocket extends EventTarget {
  readyState: number = WebSocket.CONNECTING;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly sent: string[] = [];
  readonly protocols: string[];

  constructor(protocols: string[]) {
    super();
    this.protocols = protocols;
  }

  accept(): void {
    this.readyState = WebSocket.OPEN;
    this.onopen?.();
  }

  say(text: string): void {
    this.onmessage?.({ data: text });
    this.dispatchEvent(new Event("message"));
  }

  end(code: number): void {
    if (this.readyState === WebSocket.CLOSED) return;
    this.readyState = WebSocket.CLOSED;
    this.onclose?.({ code });
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    this.end(1000);
  }
}

let clock: ManualClock;
let sockets: PlayedSocket[];
let messages: LiveMessage[];
let pongs: number;
let links: Link["state"][];
let live: Live;
/** What the server answers to whoever asks over HTTP why no socket opens. */
let overHttp: () => Promise<SystemState>;

const newest = () => sockets.at(-1) as PlayedSocket;

beforeEach(async () => {
  token.forget();
  clock = new ManualClock();
  sockets = [];
  messages = [];
  pongs = 0;
  links = [];
  overHttp = () => Promise.reject(new TypeError("failed to fetch"));
  live = followLive({
    open: (protocols) => {
      const socket = new PlayedSocket(protocols);
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
    state: () => overHttp(),
    onMessage: (message) => messages.push(message),
    onPong: () => pongs++,
    onLink: ({ state }) => links.push(state),
    environment: { clock, random: () => 1 },
  });
  await clock.advance(0);
});

describe("the dashboard's connection", () => {
  it("tells what comes, and skips what is no message", async () => {
    newest().accept();
    newest().say(JSON.stringify({ type: "snapshot", state, events: [] }));
    newest().say("pong");
    await clock.advance(0);
    expect(messages).toEqual([{ type: "snapshot", state, events: [] }]);
    expect(links).toEqual(["connecting", "live"]);
  });

  it("opens again half a second after a session that worked, however often that happens", async () => {
    for (let session = 1; session <= 5; session++) {
      newest().accept();
      await clock.advance(0);
      newest().end(1006);
      await clock.advance(499);
      expect(sockets).toHaveLength(session);
      expect(links.at(-1)).toBe("waiting");
      await clock.advance(1);
      expect(sockets).toHaveLength(session + 1);
    }
  });

  it("waits longer each time that no socket opens, and at most 15 s", async () => {
    for (const wait of [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]) {
      const before = sockets.length;
      newest().end(1006);
      await clock.advance(wait - 1);
      expect(sockets).toHaveLength(before);
      await clock.advance(1);
      expect(sockets).toHaveLength(before + 1);
    }
  });

  it("shows what the server knows while no socket opens", async () => {
    overHttp = () => Promise.resolve(state);
    newest().end(1006);
    await clock.advance(0);
    expect(messages).toEqual([{ type: "snapshot", state, events: [] }]);
    expect(links.at(-1)).toBe("waiting");
  });

  it("gives up a socket that does not open within 10 s", async () => {
    await clock.advance(10_000);
    expect(newest().readyState).toBe(WebSocket.CLOSED);
    await clock.advance(500);
    expect(sockets).toHaveLength(2);
  });

  it("asks every five seconds whether the other side is there, and passes its answer on", async () => {
    newest().accept();
    for (let asked = 1; asked <= 3; asked++) {
      await clock.advance(5_000);
      expect(newest().sent).toHaveLength(asked);
      newest().say("pong");
      await clock.advance(0);
      expect(pongs).toBe(asked);
    }
    expect(new Set(newest().sent)).toEqual(new Set(["ping"]));
    expect(messages).toEqual([]);
  });

  it("stays with a socket that is silent for less than half a minute, also when its page stood still", async () => {
    newest().accept();
    await clock.advance(5_000);
    // The timers of a page that stood still come first, and what waited for it then.
    await clock.advance(20_000);
    newest().say("pong");
    await clock.advance(4_000);
    expect([sockets.length, links.at(-1)]).toEqual([1, "live"]);
  });

  it("leaves a socket that does not answer three times in a row", async () => {
    newest().accept();
    await clock.advance(5_000);
    await clock.advance(29_999);
    expect(newest().sent).toEqual(["ping", "ping", "ping"]);
    expect(newest().readyState).toBe(WebSocket.OPEN);
    await clock.advance(1);
    expect(newest().readyState).toBe(WebSocket.CLOSED);
    await clock.advance(500);
    expect(sockets).toHaveLength(2);
  });

  it.each([1008, 4401])("does not try again when it is refused by code %d", async (code) => {
    newest().accept();
    await clock.advance(0);
    newest().end(code);
    await clock.advance(60_000);
    expect(sockets).toHaveLength(1);
    expect(links.at(-1)).toBe("refused");
  });

  it("does not try again when the server wants a token, and begins anew with one", async () => {
    overHttp = () => Promise.reject(new ProblemError(401, "this needs a token"));
    newest().end(1006);
    await clock.advance(60_000);
    expect([links.at(-1), sockets.length]).toEqual(["refused", 1]);
    token.write("s3cret");
    live.restart();
    await clock.advance(0);
    expect(newest().protocols).toEqual(["ninelives.v1", "token.s3cret"]);
    newest().accept();
    await clock.advance(0);
    expect(links.at(-1)).toBe("live");
  });

  it("leaves the socket that there is when it begins anew", async () => {
    newest().accept();
    await clock.advance(0);
    live.restart();
    await clock.advance(0);
    expect(sockets.map(({ readyState }) => readyState)).toEqual([WebSocket.CLOSED, WebSocket.CONNECTING]);
    expect(links).not.toContain("refused");
  });
});
