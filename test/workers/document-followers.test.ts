import { type DocumentRefusal, documentFollower, documentPolicy, documentsOverHttp } from "ninelives/control";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { testWorker, tokens } from "./test-worker.ts";

describe("who follows the documents of a Worker", () => {
  async function scene(url = "https://edge.test") {
    const worker = await testWorker();
    const asked: number[] = [];
    const send = async (input: string | URL | Request, init?: RequestInit) => {
      const response = await worker.fetch(new URL(String(input)).pathname, init);
      asked.push(response.status);
      return response;
    };
    const prices = documentPolicy("retry(1)", {
      scope: {
        chaos: () => {
          throw new TypeError("no chaos in this process");
        },
      },
    });
    const refused: DocumentRefusal[] = [];
    const sockets: WebSocket[] = [];
    /** The platform's class connects by the network; this one by the test's Worker. */
    class Socket {
      readonly #opened: Promise<WebSocket>;
      constructor(_: string, protocols: string[]) {
        const headers = { upgrade: "websocket", "sec-websocket-protocol": protocols.join(", ") };
        this.#opened = worker.fetch("/v1/policies", { headers }).then(({ webSocket, headers }) => {
          const socket = webSocket as WebSocket;
          expect(headers.get("sec-websocket-protocol")).toBe("ninelives.documents.v1");
          socket.accept();
          sockets.push(socket);
          return socket;
        });
      }
      addEventListener(type: "open" | "message" | "close" | "error", listener: () => void) {
        void this.#opened.then((socket) => socket.addEventListener(type, listener));
      }
      close() {
        void this.#opened.then((socket) => socket.close());
      }
    }
    const follower = documentFollower({
      source: documentsOverHttp({
        url,
        token: tokens.viewer,
        fetch: send as typeof fetch,
        webSocket: Socket,
      }),
      policies: { prices },
      every: "1h",
      onRefused: (refusal) => refused.push(refusal),
    });
    onTestFinished(() => follower.stop());
    const set = (text: string, version: number, more: object = {}) =>
      worker.command("admin", "policy.set", { name: "prices", text, version, ...more });
    return { worker, asked, prices, refused, sockets, follower, set };
  }

  it("polls, and is told that nothing has changed", async () => {
    const { asked, prices, follower, set } = await scene();
    await set("retry(4)", 0);
    await follower.poll();
    await follower.poll();
    expect([prices.text, asked]).toEqual(["retry(4)", [200, 304]]);
  });

  it("hears by WebSocket of each change, of the end of an override too", async () => {
    const { prices, refused, sockets, follower, set } = await scene();
    follower.start();
    await vi.waitFor(() => expect([sockets.length, follower.state.prices?.version]).toEqual([1, 0]));
    await set("retry(4)", 0);
    await vi.waitFor(() => expect(prices.text).toBe("retry(4)"));
    await set("retry(9)", 1, { expiresIn: "300ms" });
    await vi.waitFor(() => expect(prices.text).toBe("retry(9)"));
    await vi.waitFor(() => expect(prices.text).toBe("retry(4)"), { timeout: 10_000 });
    expect(refused).toEqual([]);
  });

  it("hears by WebSocket of what it must refuse, says where and why, and goes by the next one", async () => {
    const { prices, refused, sockets, follower, set } = await scene();
    follower.start();
    await vi.waitFor(() => expect([sockets.length, follower.state.prices?.version]).toEqual([1, 0]));
    await set("retry(4)", 0);
    await set("retry(5) +\n chaos(0.1, latency: 5ms)", 1);
    await vi.waitFor(() => expect(refused).toHaveLength(1));
    expect(refused).toMatchObject([
      { name: "prices", version: 2, reason: "line 2, column 2: no chaos in this process" },
    ]);
    expect(["retry(1)", "retry(4)"]).toContain(prices.text);
    expect(follower.state.prices?.refused).toEqual(refused[0]);
    await set("retry(6)", 2);
    await vi.waitFor(() => expect(prices.text).toBe("retry(6)"));
    expect(follower.state).toEqual({ prices: { version: 3 } });
  });

  it("is let in by a token only", async () => {
    const { worker } = await scene();
    const upgrade = (protocols: string) =>
      worker.fetch("/v1/policies", {
        headers: { upgrade: "websocket", "sec-websocket-protocol": protocols },
      });
    expect((await upgrade("ninelives.documents.v1")).status).toBe(401);
    expect((await upgrade("ninelives.documents.v1, token.wrong")).status).toBe(401);
    expect((await upgrade(`ninelives.documents.v1, token.${tokens.opener}`)).status).toBe(403);
  });

  it("has the home read no versions but those in force", async () => {
    const { worker } = await scene();
    const { control, env } = worker;
    for (let version = 0; version < 3; version++)
      await control.setDocument("prices", `retry(${version + 2})`, version, "ann");
    const called: string[] = [];
    const counting = (name: "poll" | "documents" | "histories") => (seen?: number) => {
      called.push(name);
      return name === "poll" ? control.poll(seen, true) : control[name]();
    };
    const home = {
      poll: counting("poll"),
      documents: counting("documents"),
      histories: counting("histories"),
    };
    (env as { CONTROL: unknown }).CONTROL = { getByName: () => home };
    const { policies } = (await (await worker.as("viewer", "/v1/policies")).json()) as {
      readonly policies: unknown;
    };
    expect(policies).toMatchObject([{ name: "prices", text: "retry(4)", version: 3 }]);
    expect(called).toEqual(["poll", "documents"]);
  });

  it("may be a page of another origin", async () => {
    const { worker } = await scene();
    const asked = await worker.fetch("/v1/policies", {
      method: "OPTIONS",
      headers: {
        origin: "https://shop.test",
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization,if-none-match",
      },
    });
    expect([asked.status, asked.headers.get("access-control-allow-headers")]).toEqual([
      204,
      "authorization,if-none-match",
    ]);
    const got = await worker.as("viewer", "/v1/policies", { headers: { origin: "https://shop.test" } });
    expect(got.headers.get("access-control-expose-headers")).toBe("etag");
    expect(got.headers.has("access-control-allow-credentials")).toBe(false);
  });
});
