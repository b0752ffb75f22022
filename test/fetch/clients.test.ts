import { Hono } from "hono";
import { hc } from "hono/client";
import { createFetch } from "ofetch";
import createClient from "openapi-fetch";
import { afterEach, describe, expect, it } from "vitest";
import { resilientFetch } from "../../src/fetch/index.ts";
import { circuitBreaker } from "../../src/policies/circuit-breaker.ts";
import { realOrigin } from "../contracts/real-origin.ts";

const fetchOf = () => resilientFetch({ environment: { random: () => 0 } });

const json = { status: 200, headers: { "content-type": "application/json" }, body: '{"price":5}' };
/** Two failures that pass, then an answer. */
const troubled = [{ status: 503 }, { cut: "before-headers" }, json] as const;

interface Answer {
  responses: { 200: { content: { "application/json": { price: number } } } };
  parameters: { path: { of: string } };
}

/** As `openapi-typescript` makes it of a description. */
interface Paths {
  "/prices/{of}": {
    get: Answer;
    post: Answer & { requestBody: { content: { "application/json": { price: number } } } };
  };
}

const app = new Hono()
  .get("/prices/:of", (c) => c.json({ price: 5 }))
  .post("/prices/:of", (c) => c.json({ price: 5 }));

describe("resilientFetch is the fetch of", () => {
  it("openapi-fetch: a GET survives, a POST arrives whole and once", async () => {
    const { url, seen } = await realOrigin([...troubled, json]);
    const client = createClient<Paths>({ baseUrl: url(""), fetch: fetchOf() });
    const got = await client.GET("/prices/{of}", { params: { path: { of: "boots" } } });
    expect([got.data, got.response.status]).toEqual([{ price: 5 }, 200]);
    const posted = await client.POST("/prices/{of}", {
      params: { path: { of: "boots" } },
      body: { price: 6 },
    });
    expect(posted.data).toEqual({ price: 5 });
    const all = await seen();
    expect(all.map(({ method, path }) => `${method} ${path}`)).toEqual([
      ...Array(3).fill("GET /prices/boots"),
      "POST /prices/boots",
    ]);
    expect(all[3]?.bytes).toBe('{"price":6}'.length);
  });

  it("ofetch: a GET survives, and what a policy refuses is its error's cause", async () => {
    const { url, seen } = await realOrigin([...troubled]);
    const circuit = circuitBreaker({ name: "prices" });
    const $fetch = createFetch({ fetch: fetchOf(), Headers, AbortController });
    expect(await $fetch(url("/prices"), { query: { of: "boots" }, retry: 0 })).toEqual({ price: 5 });
    expect((await seen()).map(({ path }) => path)).toEqual(Array(3).fill("/prices?of=boots"));
    circuit.open();
    const closed = createFetch({ fetch: resilientFetch({ policy: circuit }), Headers, AbortController });
    await expect(closed(url("/prices"), { retry: 0 })).rejects.toMatchObject({
      cause: { kind: "circuit-open", policy: "prices" },
    });
    expect(await seen()).toHaveLength(3);
  });

  it("ofetch: its own timeout ends the call", async () => {
    const { url, until } = await realOrigin([], { hold: "headers" });
    const $fetch = createFetch({ fetch: fetchOf(), Headers, AbortController });
    await expect($fetch(url(), { timeout: 300, retry: 0 })).rejects.toThrow(/timeout|aborted/i);
    await until((seen) => expect(seen.map(({ end }) => end)).toEqual(["gone"]));
  });

  it("Hono's client: a GET survives, a POST arrives whole and once", async () => {
    const { url, seen } = await realOrigin([...troubled, json]);
    const client = hc<typeof app>(url(""), { fetch: fetchOf() });
    const got = await client.prices[":of"].$get({ param: { of: "boots" } });
    expect([got.status, await got.json()]).toEqual([200, { price: 5 }]);
    const posted = await client.prices[":of"].$post({ param: { of: "boots" } });
    expect(await posted.json()).toEqual({ price: 5 });
    expect((await seen()).map(({ method, path }) => `${method} ${path}`)).toEqual([
      ...Array(3).fill("GET /prices/boots"),
      "POST /prices/boots",
    ]);
  });
});

describe("globalThis.fetch = resilientFetch()", () => {
  const native = globalThis.fetch;

  afterEach(() => {
    globalThis.fetch = native;
  });

  it("makes every call survive, and sends by the fetch that was there", async () => {
    globalThis.fetch = fetchOf();
    const { url, seen } = await realOrigin([...troubled]);
    expect(await (await fetch(url())).json()).toEqual({ price: 5 });
    expect(await seen()).toHaveLength(3);
  });

  it("may be done twice", async () => {
    globalThis.fetch = fetchOf();
    globalThis.fetch = fetchOf();
    const { url, seen } = await realOrigin([json]);
    expect(await (await fetch(url())).json()).toEqual({ price: 5 });
    expect(await seen()).toHaveLength(1);
  });

  it("serves clients that take the global one", async () => {
    globalThis.fetch = fetchOf();
    const { url, seen } = await realOrigin([...troubled]);
    const client = createClient<Paths>({ baseUrl: url("") });
    const { data } = await client.GET("/prices/{of}", { params: { path: { of: "boots" } } });
    expect([data, (await seen()).length]).toEqual([{ price: 5 }, 3]);
  });
});
