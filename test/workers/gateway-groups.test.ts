import { describe, expect, it, onTestFinished, vi } from "vitest";
import { gatewayOf } from "../../workers/gateway.ts";
import { testWorker } from "./test-worker.ts";

/** A Worker with one upstream of several replicas, each a binding that the test plays. */
async function replicated(
  origins: Readonly<Record<string, (request: Request) => Response | Promise<Response>>>,
  options: object = {},
  members: Readonly<Record<string, object>> = {},
) {
  const seen: [member: string, path: string][] = [];
  const bindings = Object.entries(origins).map(([name, origin]) => [
    name.toUpperCase(),
    {
      fetch: async (input: URL, init?: RequestInit) => {
        const request = new Request(input, init);
        seen.push([name, new URL(request.url).pathname]);
        return origin(request);
      },
    },
  ]);
  const worker = await testWorker({
    upstreams: {
      prices: {
        members: Object.keys(origins).map((name) => ({
          name,
          service: name.toUpperCase(),
          ...members[name],
        })),
        policy: "retry(3, backoff: constant(1ms))",
        ...options,
      },
    },
    env: Object.fromEntries(bindings),
  });
  return { ...worker, seen };
}

const fine = () => new Response("fine");
const broken = () => new Response("broken", { status: 500 });

describe("gateway to a group", () => {
  it("sends to all of its members, each at its own path, and says which one answered", async () => {
    const { fetch, seen } = await replicated({ eu: fine, us: fine }, {}, { us: { path: "/v2" } });
    const told = new Set<string | null>();
    for (let call = 0; call < 40; call++) {
      const response = await fetch("/gateway/prices/a%20b");
      told.add(response.headers.get("x-ninelives-member"));
    }
    expect([...told].sort()).toEqual(["eu", "us"]);
    expect(new Set(seen.map(String))).toEqual(new Set(["eu,/a%20b", "us,/v2/a%20b"]));
  });

  it("sends each attempt to another member, and says what it took", async () => {
    const { fetch, seen } = await replicated({ eu: broken, us: fine }, {}, { us: { priority: 1 } });
    const response = await fetch("/gateway/prices/");
    expect([response.status, seen.map(([name]) => name)]).toEqual([200, ["eu", "us"]]);
    expect(response.headers.get("x-ninelives-attempts")).toBe("2");
    expect(response.headers.get("x-ninelives-member")).toBe("us");
    expect(response.headers.get("server-timing")).toMatch(
      /^ninelives;dur=\d+\.\d, upstream;dur=\d+\.\d;desc="attempt 2"$/,
    );
  });

  it("hedges across replicas: a slow one is asked once, another answers, and the loser is given up", async () => {
    let aborted = false;
    const slow = (request: Request) =>
      new Promise<Response>((_, reject) => {
        request.signal.addEventListener("abort", () => {
          aborted = true;
          reject(request.signal.reason);
        });
      });
    const { fetch, seen } = await replicated(
      { eu: slow, us: fine },
      { policy: "hedge(after: 5ms)" },
      { us: { priority: 1 } },
    );
    const response = await fetch("/gateway/prices/");
    expect([response.status, response.headers.get("x-ninelives-member")]).toEqual([200, "us"]);
    expect(response.headers.get("x-ninelives-attempts")).toBe("2");
    expect(seen.map(([name]) => name)).toEqual(["eu", "us"]);
    await vi.waitFor(() => expect(aborted).toBe(true));
  });

  it("hedges nothing that must not be under way twice", async () => {
    const { fetch, seen } = await replicated({ eu: fine, us: fine }, { policy: "hedge(after: 0)" });
    await fetch("/gateway/prices/", { method: "POST", body: "x" });
    await fetch("/gateway/prices/", { method: "DELETE" });
    expect(seen).toHaveLength(2);
  });

  it("leaves out a member that fails five times in a row", async () => {
    const { fetch, seen } = await replicated({ eu: broken, us: fine }, {}, { us: { priority: 1 } });
    for (let call = 0; call < 10; call++) expect((await fetch("/gateway/prices/")).status).toBe(200);
    expect(seen.filter(([name]) => name === "eu")).toHaveLength(5);
  });

  it("sends what must not be repeated once, also to a group", async () => {
    const { fetch, seen } = await replicated({ eu: broken, us: broken });
    expect((await fetch("/gateway/prices/", { method: "POST", body: "{}" })).status).toBe(500);
    expect(seen).toHaveLength(1);
  });

  it("gives a member its own circuit, and goes on with the others when it is open", async () => {
    const circuit = "circuitBreaker(consecutiveFailures: 2, openFor: 60s)";
    const { fetch, seen, command } = await replicated(
      { eu: broken, us: fine },
      { policy: "identity" },
      { eu: { policy: circuit }, us: { priority: 1 } },
    );
    const statuses = [];
    for (let call = 0; call < 4; call++) {
      const response = await fetch("/gateway/prices/", { method: "POST", body: "{}" });
      statuses.push(response.status);
    }
    expect(statuses).toEqual([500, 500, 200, 200]);
    expect(seen.map(([name]) => name)).toEqual(["eu", "eu", "us", "us"]);
    expect((await command("admin", "circuit.reset", { circuit: "prices.eu" })).status).toBeLessThan(500);
  });

  it("checks its members' health in the background, when a request comes", async () => {
    const { fetch, seen } = await replicated({ eu: fine, us: fine }, { check: "/healthz" });
    await fetch("/gateway/prices/");
    await vi.waitFor(() => {
      expect(seen.filter(([, path]) => path === "/healthz").map(([name]) => name)).toEqual(["eu", "us"]);
    });
  });

  it("tells which of its members are ill, and which are well again", async () => {
    let ill = true;
    const { fetch, env } = await replicated(
      { eu: fine, us: () => (ill ? broken() : fine()) },
      { check: { path: "/healthz", every: "1s" }, group: { unhealthyAfter: 1, consecutiveFailures: 1_000 } },
    );
    const told = vi.spyOn(gatewayOf(env).sink, "emit");
    const events = () => told.mock.calls.map(([event]) => event);
    const types = () => events().filter(({ type }) => type.startsWith("member."));
    const now = vi.spyOn(Date, "now");
    let at = Date.now();
    const until = async (count: number) => {
      at += 1_500;
      now.mockReturnValue(at);
      await fetch("/gateway/prices/");
      await vi.waitFor(() => expect(types()).toHaveLength(count));
    };
    try {
      await until(1);
      ill = false;
      await until(2);
      expect(types()).toMatchObject([
        { type: "member.unhealthy", policy: "prices", member: "us" },
        { type: "member.healthy", policy: "prices", member: "us" },
      ]);
      // A check is nobody's call.
      expect(events().filter(({ type }) => type.startsWith("request."))).toHaveLength(2);
    } finally {
      now.mockRestore();
    }
  });

  it("checks it again when it is due, and no sooner", async () => {
    const check = { path: "/healthz", every: "4s" };
    const { fetch, seen } = await replicated({ eu: fine }, { check });
    const now = vi.spyOn(Date, "now");
    let at = Date.now();
    const checks = async (wait: number) => {
      at += wait;
      now.mockReturnValue(at);
      await fetch("/gateway/prices/");
      return () => seen.filter(([, path]) => path === "/healthz").length;
    };
    try {
      for (const [wait, expected] of [
        [0, 1],
        [3_900, 1],
        [600, 2],
        [3_900, 2],
        [200, 2],
        [600, 3],
      ] as const) {
        const count = await checks(wait);
        await vi.waitFor(() => expect(count()).toBe(expected));
      }
    } finally {
      now.mockRestore();
    }
  });
});

describe("gateway", () => {
  it("answers with what it kept while the upstream fails, where it is configured", async () => {
    let ok = true;
    const headers = { "cache-control": "max-age=0", etag: '"1"' };
    const { fetch, seen } = await testWorker({
      upstreams: { prices: { service: "ORIGIN", policy: "identity", staleIfError: "1h" } },
      origin: () => (ok ? new Response("kept", { headers }) : broken()),
    });
    const path = `/gateway/prices/${crypto.randomUUID()}`;
    expect(await (await fetch(path)).text()).toBe("kept");
    ok = false;
    await vi.waitFor(async () => {
      const stale = await fetch(path);
      const { status, headers } = stale;
      expect([status, await stale.text(), headers.get("x-ninelives-attempts")]).toEqual([200, "kept", "1"]);
      expect(headers.get("cache-status")).toMatch(/ninelives/);
    });
    expect(seen.length).toBeGreaterThan(1);
  });

  it("makes each attempt a span of the caller's trace, where it is configured", async () => {
    const { fetch, seen } = await testWorker({
      upstreams: {
        prices: { service: "ORIGIN", policy: "retry(2, backoff: constant(1ms))", trace: true },
        plain: { service: "ORIGIN", policy: "identity" },
      },
      origin: broken,
    });
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    await fetch("/gateway/prices/", { headers: { traceparent } });
    await fetch("/gateway/plain/", { headers: { traceparent } });
    const [first = "", second = "", plain] = seen.map(({ headers }) => headers.get("traceparent") ?? "");
    expect([first, second].map((each) => each.slice(0, 36))).toEqual(Array(2).fill(traceparent.slice(0, 36)));
    expect(new Set([first, second, traceparent]).size).toBe(3);
    expect(plain).toBe(traceparent);
  });

  it("passes on server-sent events as they come", async () => {
    let told!: WritableStreamDefaultWriter<Uint8Array>;
    const { fetch } = await testWorker({
      origin: () => {
        const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
        told = writable.getWriter();
        return new Response(readable, { headers: { "content-type": "text/event-stream" } });
      },
    });
    const response = await fetch("/gateway/prices/events", { headers: { accept: "text/event-stream" } });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    for (const event of ["data: 1\n\n", "data: 2\n\n"]) {
      // Each is read before the next one is written: nothing waits for the end.
      const [, { value }] = await Promise.all([told.write(new TextEncoder().encode(event)), reader.read()]);
      expect(new TextDecoder().decode(value)).toBe(event);
    }
    await Promise.all([told.close(), reader.read()]);
  });

  it("passes a WebSocket through, both ways", async () => {
    const { fetch, seen } = await testWorker({
      origin: () => {
        const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
        server.accept();
        server.addEventListener("message", ({ data }) => server.send(`you said ${data}`));
        return new Response(null, {
          status: 101,
          webSocket: client,
          headers: { "sec-websocket-protocol": "chat" },
        });
      },
    });
    const response = await fetch("/gateway/prices/chat", {
      headers: { upgrade: "WebSocket", connection: "Upgrade", "sec-websocket-protocol": "chat" },
    });
    expect([response.status, response.headers.get("sec-websocket-protocol")]).toEqual([101, "chat"]);
    expect(seen[0]?.headers.get("upgrade")).toBe("websocket");
    const socket = response.webSocket as WebSocket;
    const heard = new Promise((resolve) => {
      socket.addEventListener("message", ({ data }) => resolve(data));
    });
    socket.accept();
    onTestFinished(() => socket.close());
    socket.send("hello");
    expect(await heard).toBe("you said hello");
  });

  it("shares a rate limit by its upstream's name, and says when to come back", async () => {
    const { fetch, seen, env } = await testWorker({
      upstreams: { prices: { service: "ORIGIN", policy: "rateLimit(limit: 20, per: 60s)" } },
    });
    const homes = vi.spyOn(env.CIRCUITS, "getByName");
    const answers = [];
    for (let call = 0; call < 40; call++) answers.push(await fetch("/gateway/prices/"));
    const through = answers.filter(({ status }) => status === 200);
    expect(through.length).toBe(seen.length);
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.length).toBeLessThanOrEqual(20);
    expect(answers.at(-1)?.status).toBe(429);
    expect(Number(answers.at(-1)?.headers.get("retry-after"))).toBeGreaterThan(0);
    // Others find it at its home.
    expect(homes.mock.calls).toContainEqual(["prices:limit"]);
  });
});
