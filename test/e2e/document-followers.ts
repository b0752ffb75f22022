import { type DocumentPolicy, documentFollower, documentPolicy, documentsOverHttp } from "ninelives/control";
import type { SystemState } from "ninelives/observer";
import { batch, overHttp } from "ninelives/telemetry";
import type { Page } from "playwright";
import { expect, it } from "vitest";

interface Following {
  /** The address of a Worker that has the policies `prices` and `quotes`. */
  readonly origin: () => string;
  /** A token that may do all. */
  readonly owner: string;
  /** Opens a page that has exports of the package. */
  readonly pageWith: (exports: string) => Promise<Page>;
}

const eventually = <T>(fact: () => T | Promise<T>) => expect.poll(fact, { timeout: 30_000, interval: 50 });

const chaotic = "retry(5) +\n chaos(0.1, latency: 5ms)";
const chaosRefused = "line 2, column 2: no chaos in here";

/** What followers of the documents of a real workerd do, in Node and in a page. */
export function followsDocuments({ origin, owner, pageWith }: Following): void {
  /** Replaces a document, or another one's. */
  async function set(name: string, text: string, version: number): Promise<void> {
    const response = await fetch(`${origin()}/v1/commands/policy.set`, {
      method: "POST",
      headers: { authorization: `Bearer ${owner}` },
      body: JSON.stringify({ name, text, version }),
    });
    expect(response.status).toBe(200);
  }

  /** Of a policy, what the observer was told of its document. */
  async function documentSeen(name: string): Promise<unknown> {
    const response = await fetch(`${origin()}/v1/state`, { headers: { authorization: `Bearer ${owner}` } });
    const { policies } = (await response.json()) as SystemState;
    return policies.find(({ policy }) => policy === name)?.document;
  }

  it("a Node process asks with an ETag, hears at once by WebSocket, ends what is under way, and says what it refuses", async () => {
    const noChaos = () => {
      throw new TypeError("no chaos in here");
    };
    const [polled, told] = [1, 2].map(() => documentPolicy("retry(1)", { scope: { chaos: noChaos } }));
    const statuses: number[] = [];
    const asking = documentFollower({
      source: documentsOverHttp({
        url: origin(),
        token: owner,
        fetch: async (input, init) => {
          const response = await fetch(input, init);
          statuses.push(response.status);
          return response;
        },
      }),
      policies: { prices: polled as DocumentPolicy },
    });
    const sink = batch({
      deliver: overHttp({ url: `${origin()}/v1/events`, key: "k1" }),
      source: "node",
      maximumAge: "50ms",
    });
    const hearing = documentFollower({
      source: documentsOverHttp({ url: origin(), token: owner, webSocket: WebSocket }),
      policies: { prices: told as DocumentPolicy },
      every: "1h",
      sink,
    });
    hearing.start();
    try {
      let finish = () => {};
      const slow = new Promise<void>((resolve) => {
        finish = resolve;
      });
      const underWay = [polled, told].map((each) => each?.policy.execute(() => slow.then(() => "done")));
      await eventually(() => hearing.state.prices?.version).toBe(0);
      await asking.poll();
      await asking.poll();
      expect(statuses).toEqual([200, 304]);
      await set("prices", "retry(3, backoff: constant(1ms))", 0);
      await eventually(() => told?.text).toContain("retry(3");
      await asking.poll();
      expect([statuses.at(-1), polled?.text]).toEqual([200, told?.text]);
      let attempts = 0;
      const failing = () => (++attempts < 3 ? Promise.reject(new Error("down")) : Promise.resolve("third"));
      expect(await told?.policy.execute(failing)).toBe("third");
      await set("prices", chaotic, 1);
      await eventually(() => hearing.state.prices?.refused).toMatchObject({
        version: 2,
        reason: chaosRefused,
      });
      await eventually(() => documentSeen("prices")).toMatchObject({
        refused: [{ version: 2, reason: chaosRefused, source: expect.stringMatching(/^node /) }],
      });
      finish();
      expect(await Promise.all(underWay)).toEqual(["done", "done"]);
      await set("prices", "retry(2)", 2);
      await eventually(() => told?.text).toBe("retry(2)");
      await eventually(() => documentSeen("prices")).toMatchObject({ version: 3, refused: [] });
    } finally {
      hearing.stop();
      await sink.flush();
    }
  });

  it("of another origin asks with an ETag, hears by WebSocket, ends what is under way, and says what it refuses", async () => {
    const page = await pageWith(`export * from "ninelives/control";`);
    const statuses: number[] = [];
    page.on("response", (response) => {
      if (response.url().endsWith("/v1/policies")) statuses.push(response.status());
    });
    await page.evaluate(
      async ({ url, token }) => {
        const { documentFollower, documentPolicy, documentsOverHttp } = (
          globalThis as unknown as { ninelives: typeof import("../../src/control/index.ts") }
        ).ninelives;
        const noChaos = () => {
          throw new TypeError("no chaos in here");
        };
        const quotes = documentPolicy("retry(1)", { scope: { chaos: noChaos } });
        const follower = documentFollower({
          source: documentsOverHttp({ url, token, webSocket: WebSocket }),
          policies: { quotes },
          every: "1h",
        });
        let finish = () => {};
        const slow = new Promise<void>((resolve) => {
          finish = resolve;
        });
        const underWay = quotes.policy.execute(() => slow.then(() => "done"));
        Object.assign(globalThis, { quotes, follower, finish, underWay });
        await follower.poll();
        await follower.poll();
        follower.start();
      },
      { url: origin().replace("127.0.0.1", "localhost"), token: owner },
    );
    const seen = () =>
      page.evaluate(() => {
        const { quotes, follower } = globalThis as unknown as {
          quotes: { text: string };
          follower: { state: { quotes: object } };
        };
        return { text: quotes.text, ...follower.state.quotes };
      });
    await eventually(seen).toEqual({ text: "retry(1)", version: 0 });
    await eventually(() => statuses.slice(0, 2)).toEqual([200, 304]);
    await set("quotes", "retry(3)", 0);
    await eventually(seen).toEqual({ text: "retry(3)", version: 1 });
    await set("quotes", chaotic, 1);
    await eventually(seen).toMatchObject({
      text: "retry(3)",
      version: 1,
      refused: { version: 2, reason: chaosRefused },
    });
    await set("quotes", "retry(2)", 2);
    await eventually(seen).toEqual({ text: "retry(2)", version: 3 });
    expect(
      await page.evaluate(() => {
        const { finish, underWay } = globalThis as unknown as { finish(): void; underWay: Promise<string> };
        finish();
        return underWay;
      }),
    ).toBe("done");
  });
}
