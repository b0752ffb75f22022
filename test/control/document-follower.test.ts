import { describe, expect, it } from "vitest";
import {
  type DocumentFollowerOptions,
  type DocumentRefusal,
  documentFollower,
  documentPolicy,
  documentStore,
  documentsIn,
  documentsOverHttp,
  type PolicyDocument,
} from "../../src/control/index.ts";
import { memoryHome } from "../../src/stores/memory.ts";
import { readBatch } from "../../src/telemetry/index.ts";
import { ManualClock, recordingSink } from "../../src/testing/index.ts";

const documentOf = (text: string, version: number, name = "prices"): PolicyDocument => ({
  name,
  text,
  version,
  updatedAt: null,
  updatedBy: null,
});

/** A follower whose source the test plays. */
function following(options: Partial<DocumentFollowerOptions> = {}) {
  const clock = new ManualClock();
  const prices = documentPolicy("retry(3)");
  const refused: DocumentRefusal[] = [];
  const lost: unknown[] = [];
  const source = {
    documents: [] as readonly PolicyDocument[] | undefined,
    fails: undefined as Error | undefined,
    asked: 0,
    news: undefined as (() => void) | undefined,
    async read() {
      source.asked++;
      if (source.fails !== undefined) throw source.fails;
      return source.documents;
    },
    listen(onNews: () => void) {
      source.news = onNews;
      return () => {
        source.news = undefined;
      };
    },
  };
  const follower = documentFollower({
    source,
    policies: { prices },
    clock,
    onRefused: (refusal) => refused.push(refusal),
    onLost: (error) => lost.push(error),
    ...options,
  });
  return { clock, prices, refused, lost, source, follower };
}

describe("documentFollower", () => {
  it("puts newer versions in force, and no older ones", async () => {
    const { prices, source, follower } = following();
    expect(follower.state).toEqual({ prices: { version: null } });
    for (const [text, version, inForce] of [
      ["retry(4)", 0, "retry(4)"],
      ["retry(6)", 2, "retry(6)"],
      ["retry(5)", 1, "retry(6)"],
    ] as const) {
      source.documents = [documentOf(text, version), documentOf("retry(9)", 9, "other")];
      await follower.poll();
      expect(prices.text).toBe(inForce);
    }
    source.documents = undefined;
    await follower.poll();
    expect(follower.state).toEqual({ prices: { version: 2 } });
  });

  it("keeps what is in force where a document is refused, says why once, and takes the next good one", async () => {
    const { prices, refused, source, follower } = following();
    source.documents = [documentOf("retry(4)", 1)];
    await follower.poll();
    source.documents = [documentOf("retry(4) + own", 2)];
    await follower.poll();
    await follower.poll();
    expect(prices.text).toBe("retry(4)");
    expect(refused).toHaveLength(1);
    expect(refused[0]).toMatchObject({ name: "prices", version: 2 });
    expect(refused[0]?.reason).toContain("line 1, column 12");
    expect(follower.state).toEqual({ prices: { version: 1, refused: refused[0] } });
    source.documents = [documentOf("retry(5)", 3)];
    await follower.poll();
    expect([prices.text, follower.state]).toEqual(["retry(5)", { prices: { version: 3 } }]);
  });

  it("tells a sink what is in force and what is refused, so that operators hear of it", async () => {
    const sink = recordingSink();
    const { source, follower, clock } = following({ sink });
    source.documents = [documentOf("retry(4)", 1)];
    await follower.poll();
    source.documents = [documentOf(`retry(4) + own(${"x".repeat(500)})`, 2)];
    await follower.poll();
    await follower.poll();
    expect(sink.events).toEqual([
      { type: "document.applied", policy: "prices", at: clock.wall(), version: 1 },
      {
        type: "document.refused",
        policy: "prices",
        at: clock.wall(),
        version: 2,
        reason: expect.stringContaining("line 1, column 12"),
      },
    ]);
    const batch = {
      version: 1,
      source: { id: "n", kind: "node" },
      sentAt: clock.wall(),
      events: sink.events,
    };
    expect(readBatch(batch).rejected).toEqual([]);
  });

  it("asks again and again once it has started, at once when there is news, and no more when it is stopped", async () => {
    const { clock, source, follower } = following({ every: "10s" });
    await clock.advance(60_000);
    expect(source.asked).toBe(0);
    follower.start();
    follower.start();
    await clock.advance(0);
    expect(source.asked).toBe(1);
    await clock.advance(9_999);
    expect(source.asked).toBe(1);
    await clock.advance(1);
    expect(source.asked).toBe(2);
    source.news?.();
    await clock.advance(0);
    expect(source.asked).toBe(3);
    follower.stop();
    await clock.advance(60_000);
    expect([source.asked, source.news, clock.pending]).toEqual([3, undefined, 0]);
  });

  it("goes on with what it has while the source is gone, and says so", async () => {
    const { prices, lost, source, follower } = following();
    source.documents = [documentOf("retry(4)", 1)];
    await follower.poll();
    source.fails = new Error("gone");
    await follower.poll();
    expect([prices.text, lost]).toEqual(["retry(4)", [source.fails]]);
    source.fails = undefined;
    source.documents = [documentOf("retry(5)", 2)];
    await follower.poll();
    expect(prices.text).toBe("retry(5)");
  });

  const override = (until: number, version = 1): PolicyDocument => ({
    ...documentOf("retry(9)", version),
    until,
    beneath: { version: 0, text: "retry(4)" },
  });

  it("asks when an override ends, and ends it by itself where nobody can be asked, then follows again", async () => {
    const { clock, prices, source, follower } = following({ every: "30s" });
    source.documents = [override(clock.wall() + 12_000)];
    follower.start();
    await clock.advance(0);
    expect(prices.text).toBe("retry(9)");
    source.fails = new Error("gone");
    await clock.advance(11_999);
    expect([prices.text, source.asked]).toEqual(["retry(9)", 1]);
    await clock.advance(1);
    expect([prices.text, source.asked]).toEqual(["retry(4)", 2]);
    expect(follower.state).toEqual({ prices: { version: 1, ended: true } });
    source.fails = undefined;
    await clock.advance(18_000);
    expect([prices.text, source.asked]).toEqual(["retry(4)", 3]);
    source.documents = [documentOf("retry(7)", 2)];
    await clock.advance(30_000);
    expect([prices.text, follower.state]).toEqual(["retry(7)", { prices: { version: 2 } }]);
    follower.stop();
    expect(clock.pending).toBe(0);
  });

  it("keeps an override as long as its source does, whose clock may be another one", async () => {
    const { clock, prices, source, follower } = following({ every: "30s" });
    source.documents = [override(clock.wall() + 12_000)];
    follower.start();
    await clock.advance(60_000);
    expect([prices.text, follower.state]).toEqual(["retry(9)", { prices: { version: 1 } }]);
    follower.stop();
  });

  it("ends an override by the next question that fails, where no timer lives", async () => {
    const { clock, prices, source, follower } = following();
    source.documents = [override(clock.wall() + 12_000)];
    await follower.poll();
    source.fails = new Error("gone");
    await follower.poll();
    expect(prices.text).toBe("retry(9)");
    await clock.advance(12_000);
    await follower.poll();
    expect([prices.text, clock.pending]).toEqual(["retry(4)", 0]);
  });

  it("leaves an override in force that gives way to what does not parse here", async () => {
    const { clock, prices, source, follower } = following();
    source.documents = [{ ...override(clock.wall()), beneath: { version: 0, text: "own" } }];
    await follower.poll();
    source.fails = new Error("gone");
    await follower.poll();
    expect([prices.text, follower.state]).toEqual(["retry(9)", { prices: { version: 1 } }]);
  });

  it("asks once for many who ask at once", async () => {
    const { source, follower } = following();
    await Promise.all(Array.from({ length: 10 }, () => follower.poll()));
    expect(source.asked).toBe(2);
  });

  it("follows a store, and calls under way go on", async () => {
    const store = documentStore(memoryHome());
    const prices = documentPolicy<void, string>("bulkhead(1, queue: 5, maximumWait: 10s)");
    const follower = documentFollower({ source: documentsIn(store), policies: { prices } });
    const answers: ((answer: string) => void)[] = [];
    const call = prices.policy.wrap(() => new Promise<string>((resolve) => answers.push(resolve)));
    const calls = [call(), call(), call()];
    const text = "bulkhead(3, queue: 5, maximumWait: 10s)";
    await store.change("prices", "identity", { text, expected: 0, by: "ann" });
    await follower.poll();
    await expect.poll(() => answers.length).toBe(3);
    for (const answer of answers) answer("fine");
    expect(await Promise.all(calls)).toEqual(["fine", "fine", "fine"]);
  });
});

describe("documentsOverHttp", () => {
  function served(answer: (headers: Headers) => Response, options: object = {}) {
    const asked: { url: string; headers: Headers }[] = [];
    const source = documentsOverHttp({
      url: "https://edge.test/own",
      token: "secret",
      fetch: async (input, init) => {
        const headers = new Headers(init?.headers);
        asked.push({ url: String(input), headers });
        return answer(headers);
      },
      ...options,
    });
    return { source, asked, read: () => source.read(new AbortController().signal) };
  }

  it("asks with its token, and with the tag of what it has", async () => {
    const documents = [documentOf("retry(4)", 1)];
    const { asked, read } = served((headers) =>
      headers.get("if-none-match") === '"one"'
        ? new Response(null, { status: 304 })
        : Response.json({ policies: documents }, { headers: { etag: '"one"' } }),
    );
    expect(await read()).toEqual(documents);
    expect(await read()).toBeUndefined();
    expect(
      asked.map(({ url, headers }) => [url, headers.get("authorization"), headers.get("if-none-match")]),
    ).toEqual([
      ["https://edge.test/own/v1/policies", "Bearer secret", null],
      ["https://edge.test/own/v1/policies", "Bearer secret", '"one"'],
    ]);
  });

  it("says what a server answers that is none of this, and not the token", async () => {
    const { read } = served(() => new Response("no", { status: 403 }));
    await expect(read()).rejects.toThrow("edge.test answered 403");
    expect(() => documentsOverHttp({ url: "edge" })).toThrow(TypeError);
  });

  it("hears of news by WebSocket, opened again by the next question when it broke", async () => {
    const sockets: { url: string; protocols: string[]; say(type: string): void; closed: boolean }[] = [];
    class Socket {
      readonly #listeners = new Map<string, () => void>();
      readonly own;
      constructor(url: string, protocols: string[]) {
        if (sockets.length === 2) throw new Error("no");
        this.own = {
          url,
          protocols,
          closed: false,
          say: (type: string) => this.#listeners.get(type)?.(),
        };
        sockets.push(this.own);
      }
      addEventListener(type: string, listener: () => void) {
        this.#listeners.set(type, listener);
      }
      close() {
        this.own.closed = true;
      }
    }
    const { source, read } = served(() => Response.json({ policies: [] }), { webSocket: Socket });
    await read();
    expect(sockets).toHaveLength(0);
    let news = 0;
    const stop = source.listen(() => news++);
    expect(sockets.map(({ url, protocols }) => [url, protocols])).toEqual([
      ["wss://edge.test/own/v1/policies", ["ninelives.documents.v1", "token.secret"]],
    ]);
    // What changed before it was open, nobody told of.
    sockets[0]?.say("open");
    expect(news).toBe(1);
    sockets[0]?.say("message");
    await read();
    expect([news, sockets.length]).toEqual([2, 1]);
    sockets[0]?.say("close");
    await read();
    expect(sockets).toHaveLength(2);
    sockets[0]?.say("error");
    sockets[1]?.say("error");
    expect(await read()).toEqual([]);
    stop();
    const again = source.listen(() => {});
    again();
    expect(sockets).toHaveLength(2);
  });
});
