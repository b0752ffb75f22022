import { ManualClock } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import type { Report, View } from "../../src/state/sync.ts";
import { followerStore } from "../../src/stores/follower.ts";
import type { FollowerSocket } from "../../src/stores/follower-line.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { deaf, report, storeContract } from "../contracts/store.ts";

type Listener = (event: { readonly data: unknown }) => void;

/** A socket whose other end the test plays. */
class PlayedSocket implements FollowerSocket {
  readonly sent: string[] = [];
  closed = false;
  readonly #listeners = new Map<string, Listener[]>();
  readonly url: string;
  readonly protocols: string[];

  constructor(url: string, protocols: string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    this.closed = true;
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  happens(type: "open" | "close" | "error" | "message", data?: unknown): void {
    for (const listener of this.#listeners.get(type) ?? []) listener({ data });
  }

  says(message: object): void {
    this.happens("message", JSON.stringify(message));
  }

  get reports(): { readonly id: number; readonly report: Report }[] {
    return this.sent.filter((text) => text !== "ping").map((text) => JSON.parse(text));
  }
}

/** A follower whose edge the test plays: HTTP is answered by a home in memory, sockets by hand. */
function edge({ clock = new ManualClock() } = {}) {
  const home = memoryStore({ clock });
  const sockets: PlayedSocket[] = [];
  const posts: Report[] = [];
  const requests: [string, RequestInit | undefined][] = [];
  const wire = { status: 200 };
  const store = followerStore({
    url: "https://edge.test/",
    token: "secret",
    clock,
    fetch: async (url, init) => {
      requests.push([String(url), init]);
      const posted = JSON.parse(String(init?.body)) as Report;
      posts.push(posted);
      if (wire.status !== 200) return new Response("no", { status: wire.status });
      return Response.json(await home.sync("prices", posted, deaf));
    },
    webSocket: class extends PlayedSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    },
  });
  const last = () => sockets.at(-1) as PlayedSocket;
  /** Connects: the first report goes by HTTP, and brings the socket about. */
  async function connected(onNews: (view: View) => void = deaf) {
    const view = await store.sync("prices", report(), onNews);
    await clock.advance(0);
    last().happens("open");
    await clock.advance(0);
    return view;
  }
  return { clock, home, store, sockets, posts, requests, wire, last, connected };
}

const open: View = {
  epoch: 9,
  state: "open",
  reason: "fleet",
  remaining: 5,
  openFor: 5,
  nextSync: 2_000,
};

storeContract("a follower by HTTP", () => {
  const home = memoryStore();
  const store = followerStore({
    url: "https://edge.test",
    token: "secret",
    clock: new ManualClock({ sharesTimers: false }),
    fetch: async (url, init) => {
      const name = decodeURIComponent(String(url).split("/v1/shared/")[1] ?? "");
      return Response.json(await home.sync(name, JSON.parse(String(init?.body)), deaf));
    },
  });
  return { store, quorum: "majority" };
});

describe("followerStore", () => {
  it("reports by HTTP until its socket is open, then by that", async () => {
    const { store, posts, requests, last, connected, clock } = edge();
    await connected();
    expect(requests).toMatchObject([
      ["https://edge.test/v1/shared/prices", { headers: { authorization: "Bearer secret" } }],
    ]);
    expect(last().url).toBe("wss://edge.test/v1/shared/prices");
    expect(last().protocols).toEqual(["ninelives.follow.v1", "token.secret"]);
    const answer = store.sync("prices", report({ seq: 2 }), deaf);
    await clock.advance(0);
    last().says({ id: 1, view: open });
    expect(await answer).toEqual(open);
    expect(last().reports).toEqual([{ id: 1, report: report({ seq: 2 }) }]);
    expect(posts).toEqual([report()]);
  });

  it("tells all circuits of the name what comes unasked", async () => {
    const heard: [string, View][] = [];
    const { store, last, connected } = edge();
    await connected((view) => heard.push(["one", view]));
    void store.sync("prices", report({ replica: "two" }), (view) => heard.push(["two", view]));
    last().says({ view: open });
    last().happens("message", "no JSON");
    last().says([]);
    expect(heard).toEqual([
      ["one", open],
      ["two", open],
    ]);
  });

  it("a report that was under way when the socket was lost goes again by HTTP, unchanged", async () => {
    const { store, posts, last, connected, clock } = edge();
    await connected();
    const answer = store.sync("prices", report({ seq: 2 }), deaf);
    await clock.advance(0);
    last().happens("close");
    expect(await answer).toMatchObject({ state: "closed" });
    expect(posts.at(-1)).toEqual(last().reports[0]?.report);
  });

  it("a socket that says nothing for 2 s is given up, and the report goes by HTTP", async () => {
    const { store, posts, last, connected, clock } = edge();
    await connected();
    const answer = store.sync("prices", report({ seq: 2 }), deaf);
    await clock.advance(1_999);
    expect(posts).toHaveLength(1);
    await clock.advance(1);
    expect(await answer).toMatchObject({ state: "closed" });
    expect(posts).toHaveLength(2);
    expect(last().closed).toBe(true);
  });

  it("what the home refuses over the socket goes by HTTP, whose answer counts", async () => {
    const { store, last, connected, clock, wire } = edge();
    await connected();
    wire.status = 422;
    const answer = store.sync("prices", report({ seq: 2 }), deaf);
    await clock.advance(0);
    last().says({ id: 1, error: "seq must be" });
    await expect(answer).rejects.toMatchObject({ status: 422, overloaded: false, refused: true });
  });

  it("an overloaded home says so", async () => {
    const { store, wire } = edge();
    wire.status = 503;
    await expect(store.sync("prices", report(), deaf)).rejects.toMatchObject({
      overloaded: true,
      refused: false,
    });
  });

  it("connects again with the next report, and tries a few times", async () => {
    const { store, sockets, last, connected, clock } = edge();
    await connected();
    last().happens("close");
    await clock.advance(60_000);
    expect(sockets).toHaveLength(1);
    await store.sync("prices", report({ seq: 2 }), deaf);
    await clock.advance(0);
    expect(sockets).toHaveLength(2);
    for (let attempt = 0; attempt < 4; attempt++) {
      last().happens("error");
      await clock.advance(10_000);
    }
    expect(sockets).toHaveLength(5);
    // None can be opened here: for a while it does not try.
    await store.sync("prices", report({ seq: 3 }), deaf);
    await clock.advance(0);
    expect(sockets).toHaveLength(5);
    await clock.advance(30_000);
    await store.sync("prices", report({ seq: 4 }), deaf);
    await clock.advance(0);
    expect(sockets).toHaveLength(6);
  });

  it("asks for a sign of life, and gives a silent socket up", async () => {
    const { store, last, connected, clock } = edge();
    await connected();
    await clock.advance(30_000);
    expect(last().sent).toEqual(["ping"]);
    last().happens("message", "pong");
    const answer = store.sync("prices", report({ seq: 2 }), deaf);
    await clock.advance(0);
    last().says({ id: 1, view: open });
    await answer;
    await clock.advance(30_000);
    expect(last().sent.at(-1)).toBe("ping");
    expect(last().closed).toBe(false);
    await clock.advance(30_000);
    expect(last().closed).toBe(true);
  });

  it("hangs up when nothing was reported for a minute, so that a process can end", async () => {
    const { last, connected, clock } = edge();
    await connected();
    await clock.advance(30_000);
    last().happens("message", "pong");
    expect(last().closed).toBe(false);
    await clock.advance(30_000);
    expect(last().closed).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it("close hangs up, stops connecting, and ends no later report", async () => {
    const { store, sockets, last, connected, clock } = edge();
    await connected();
    store.close();
    expect(last().closed).toBe(true);
    expect(await store.sync("prices", report({ seq: 2 }), deaf)).toMatchObject({ state: "closed" });
    await clock.advance(0);
    expect(sockets).toHaveLength(2);
    store.close();
    await clock.advance(60_000);
    expect(sockets).toHaveLength(2);
    expect(clock.pending).toBe(0);
  });

  it("opens no socket where it could not outlive its request: on Workers", async () => {
    const { store, sockets, clock } = edge({ clock: new ManualClock({ sharesTimers: false }) });
    await store.sync("prices", report(), deaf);
    await clock.advance(0);
    expect(sockets).toEqual([]);
  });

  it("refuses options that it has not, and an address that is none", () => {
    const options = { url: "edge.test", token: "secret" };
    expect(() => followerStore(options)).toThrow(
      'followerStore: url must be an address such as "https://example.com"',
    );
    const misspelt = { url: "https://edge.test", token: "secret", websocket: PlayedSocket };
    expect(() => followerStore(misspelt)).toThrow('followerStore has no option "websocket"');
  });
});
