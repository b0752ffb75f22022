import { Hono } from "hono";
import { cors } from "hono/cors";
import {
  bulkhead,
  circuitBreaker,
  compose,
  definePolicy,
  definePolicyFor,
  environment,
  fallback,
  type Policy,
  retry,
  timeout,
} from "ninelives";
import { type Handling, resilience } from "ninelives/hono";
import { describe, expect, it } from "vitest";
import { problemIn } from "./test-worker.ts";

describe("resilience", () => {
  it("leaves what the handlers answer as it is", async () => {
    const answer = new Response("fine", { status: 201, headers: { "x-mine": "1" } });
    const app = new Hono().use(resilience(timeout("1s"))).get("/", () => answer);
    const response = await app.request("/");
    expect([response.status, await response.text(), response.headers.get("x-mine")]).toEqual([
      201,
      "fine",
      "1",
    ]);
  });

  it("leaves a WebSocket's answer as it is", async () => {
    const app = new Hono().use(resilience(timeout("1s"))).get("/", () => {
      const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
      server.accept();
      return new Response(null, { status: 101, webSocket: client });
    });
    const response = await app.request("/");
    expect([response.status, response.webSocket !== null]).toEqual([101, true]);
    response.webSocket?.accept();
    response.webSocket?.close();
  });

  it("keeps the headers that outer middleware set, and every cookie", async () => {
    const app = new Hono()
      .use(async (c, next) => {
        await next();
        c.header("x-outer", "1");
      })
      .use(resilience(timeout("1s")))
      .get("/", (c) => {
        c.header("set-cookie", "a=1", { append: true });
        c.header("set-cookie", "b=2", { append: true });
        return c.text("fine");
      });
    const { headers } = await app.request("/");
    expect(headers.get("x-outer")).toBe("1");
    expect(headers.getSetCookie()).toEqual(["a=1", "b=2"]);
  });

  it("leaves the headers of a failed answer out of a fallback's", async () => {
    const headers = {
      "content-length": "4",
      etag: '"err"',
      "x-err": "1",
      "content-type": "application/json",
    };
    const app = new Hono()
      .use(resilience(fallback(() => new Response("Search is having a rest."))))
      .get("/", (c) => {
        c.header("cache-control", "no-store");
        c.header("set-cookie", "failed=1");
        return c.body("boom", 500, headers);
      });
    const response = await app.request("/");
    expect([...response.headers]).toEqual([["content-type", "text/plain;charset=UTF-8"]]);
    expect(await response.text()).toBe("Search is having a rest.");
  });

  it.each<[string, Policy<Handling, Response>, number]>([
    ["a fallback's answer", fallback(() => new Response("stale", { headers: { "x-own": "its" } })), 200],
    ["a refusal", timeout("1ms"), 504],
  ])("puts the headers that outer middleware set before onto %s", async (_, policy, status) => {
    const app = new Hono()
      .use(cors({ origin: "https://shop.test" }))
      .use(async (c, next) => {
        c.header("x-outer", "1");
        c.header("x-own", "outer");
        c.header("set-cookie", "a=1", { append: true });
        c.header("set-cookie", "b=2", { append: true });
        await next();
        c.header("x-after", "1");
      })
      .use(resilience(policy))
      .get("/", async (c) => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        return c.text("broken", 500, { "x-err": "1" });
      });
    const response = await app.request("/", { headers: { origin: "https://shop.test" } });
    const { headers } = response;
    expect(response.status).toBe(status);
    expect(headers.get("access-control-allow-origin")).toBe("https://shop.test");
    expect([headers.get("x-outer"), headers.get("x-after"), headers.get("x-err")]).toEqual(["1", "1", null]);
    expect(headers.get("x-own")).toBe(status === 200 ? "its" : "outer");
    expect(headers.getSetCookie()).toEqual(["a=1", "b=2"]);
  });

  it("keeps what a policy adds to a handler's answer by its context", async () => {
    const marked = definePolicyFor<Handling, Response>("marked", (next) => async (handling, context) => {
      const response = await next(handling, context);
      handling.context.header("x-marked", "1");
      return response;
    });
    const app = new Hono().use(resilience(marked)).get("/", (c) => c.text("fine", 200, { "x-mine": "1" }));
    const response = await app.request("/");
    expect([response.headers.get("x-marked"), response.headers.get("x-mine")]).toEqual(["1", "1"]);
    expect(await response.text()).toBe("fine");
  });

  it("has Workers wait for what policies do in the background", async () => {
    const work = Promise.resolve("done");
    const busy = definePolicy("busy", (next) => (request, context) => {
      context.environment.waitUntil(work);
      return next(request, context);
    });
    const waited: unknown[] = [];
    const execution = {
      waitUntil: (each: unknown) => waited.push(each),
      passThroughOnException() {},
      props: {},
    };
    const serve = (policy: Policy<Handling, Response>) =>
      new Hono().use(resilience(policy)).get("/", (c) => c.text("fine"));
    const request = new Request("https://edge.test/");
    expect((await serve(busy).fetch(request, {}, execution as never)).status).toBe(200);
    expect(waited).toEqual([work]);
    // Elsewhere there is none.
    expect((await serve(busy).fetch(request)).status).toBe(200);
    const own: unknown[] = [];
    const named = compose(environment({ waitUntil: (each) => own.push(each) }), busy);
    await serve(named).fetch(request, {}, execution as never);
    expect([waited, own]).toEqual([[work], [work]]);
  });

  it("answers 504 when a timeout strikes", async () => {
    const app = new Hono()
      .use(resilience(timeout("10ms")))
      .get(
        "/",
        () => new Promise<Response>((resolve) => setTimeout(() => resolve(new Response("late")), 100)),
      );
    const response = await app.request("/");
    expect(response.status).toBe(504);
    expect(await problemIn(response)).toMatchObject({
      type: "urn:ninelives:problem:timeout",
      policy: "timeout",
    });
  });

  it("answers 503 with Retry-After while a circuit is open, and calls no handler", async () => {
    let handled = 0;
    const circuit = circuitBreaker({ name: "reports", consecutiveFailures: 2, openFor: "30s" });
    const app = new Hono().use(resilience(circuit)).get("/", (c) => {
      handled++;
      return c.text("broken", 500);
    });
    for (let call = 0; call < 2; call++) expect((await app.request("/")).status).toBe(500);
    const response = await app.request("/");
    expect([response.status, response.headers.get("retry-after"), handled]).toEqual([503, "30", 2]);
    expect(await problemIn(response)).toMatchObject({
      type: "urn:ninelives:problem:circuit-open",
      policy: "reports",
    });
  });

  it("counts an error that a handler throws, and lets the app answer it", async () => {
    const circuit = circuitBreaker({ consecutiveFailures: 1 });
    const app = new Hono()
      .onError((error, c) => c.text(error.message, 500))
      .use(resilience(circuit))
      .get("/", () => {
        throw new Error("the handler broke");
      });
    const response = await app.request("/");
    expect([response.status, await response.text()]).toEqual([500, "the handler broke"]);
    expect(circuit.state).toBe("open");
  });

  it("counts no 4xx", async () => {
    const circuit = circuitBreaker({ consecutiveFailures: 1 });
    const app = new Hono().use(resilience(circuit)).get("/", (c) => c.text("gone", 404));
    await app.request("/");
    expect(circuit.state).toBe("closed");
  });

  it("answers 503 when a bulkhead is full", async () => {
    let release = () => {};
    const app = new Hono()
      .use(resilience(bulkhead(1)))
      .get("/", () => new Promise<Response>((resolve) => (release = () => resolve(new Response("fine")))));
    const first = app.request("/");
    const second = await app.request("/");
    expect(second.status).toBe(503);
    expect((await problemIn(second)).type).toBe("urn:ninelives:problem:bulkhead-full");
    release();
    expect((await first).status).toBe(200);
  });

  it("runs the handlers at most once, whatever the policy", async () => {
    let handled = 0;
    const app = new Hono().use(resilience(retry(3))).get("/", (c) => {
      handled++;
      return c.text("broken", 500);
    });
    expect((await app.request("/")).status).toBe(500);
    expect(handled).toBe(1);
  });

  it("answers with a fallback's response, whether a handler has failed or none has run", async () => {
    const policy = compose(
      fallback(() => new Response("stale")),
      circuitBreaker({ consecutiveFailures: 1 }),
    );
    let runs = 0;
    const app = new Hono().use(resilience(policy)).get("/", (c) => {
      runs++;
      return c.text("broken", 500);
    });
    expect(await (await app.request("/")).text()).toBe("stale");
    expect(await (await app.request("/")).text()).toBe("stale");
    expect(runs).toBe(1);
  });
});
