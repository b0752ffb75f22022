import { apiVersion, version } from "ninelives/control";
import type { LiveMessage } from "ninelives/observer";
import { describe, expect, it, vi } from "vitest";
import { ingestKey, problemIn, testWorker, tokens, toldToOwner } from "./test-worker.ts";

const reads = ["/v1/state", "/v1/policies", "/v1/audit", "/metrics", "/v1/live"];
const event = { type: "request.succeeded", policy: "prices", at: 1_000, duration: 5, attempts: 1 };
const batch = {
  version: 1,
  source: { id: "abcdef", kind: "page" },
  sentAt: 1_000,
  dropped: 0,
  events: [event],
};

describe("reads", () => {
  it.each(reads)("%s needs a token", async (path) => {
    const { fetch } = await testWorker();
    const response = await fetch(path);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    expect((await problemIn(response)).type).toBe("urn:ninelives:problem:unauthenticated");
  });

  it.each(reads)("%s needs the scope read", async (path) => {
    const response = await (await testWorker()).as("opener", path);
    expect(response.status).toBe(403);
    expect((await problemIn(response)).type).toBe("urn:ninelives:problem:forbidden");
  });

  it.each(reads)("%s takes no ingest key for a token", async (path) => {
    const { fetch } = await testWorker();
    expect((await fetch(path, { headers: { authorization: `Bearer ${ingestKey}` } })).status).toBe(401);
  });

  it.each(reads.slice(0, -1))(
    "%s is there for who may look, and for all where reads are public",
    async (path) => {
      const { as } = await testWorker();
      expect((await as("viewer", path)).status).toBe(200);
      expect((await as("admin", path)).status).toBe(200);
      const open = await testWorker({ env: { PUBLIC_READS: "true" } });
      expect((await open.fetch(path)).status).toBe(200);
    },
  );

  it.each<[string, string, RequestInit]>([
    ...reads.map((path): [string, string, RequestInit] => [`GET ${path}`, path, {}]),
    ["POST /v1/shared/prices", "/v1/shared/prices", { method: "POST", body: "{}" }],
    ["DELETE /v1/registry/stock/one", "/v1/registry/stock/one", { method: "DELETE" }],
  ])("%s that is denied is in the audit log, with who it was", async (command, path, init) => {
    const { as, fetch, control } = await testWorker();
    expect((await fetch(path, init)).status).toBe(401);
    expect((await as("opener", path, init)).status).toBe(403);
    await vi.waitFor(async () => {
      const { entries, intact } = await control.audit(10);
      expect(entries.map(({ identity }) => identity).sort()).toEqual(["anonymous", "opener"]);
      for (const entry of entries)
        expect(entry).toMatchObject({ command, outcome: "denied", reason: expect.stringContaining("scope") });
      expect(intact).toBe(true);
    });
  });

  it("denies although the log cannot be written, and tells its owner", async () => {
    const told = toldToOwner();
    const failing = { deny: () => Promise.reject(new Error("disk full")) };
    const { fetch } = await testWorker({ env: { CONTROL: { getByName: () => failing } } });
    expect((await fetch("/v1/state")).status).toBe(401);
    await vi.waitFor(() => expect(told).toMatchObject([[{ message: "disk full" }]]));
  });

  it("asks nothing of the log for most of a flood of denials", async () => {
    let asked = 0;
    const deny = async () => void asked++;
    const { fetch } = await testWorker({ env: { CONTROL: { getByName: () => ({ deny }) } } });
    for (let each = 0; each < 200; each++) expect((await fetch("/v1/state")).status).toBe(401);
    await vi.waitFor(() => expect(asked).toBeGreaterThanOrEqual(60));
    expect(asked).toBeLessThan(200);
  });

  it("/v1/whoami tells a token what it may, and nobody else anything", async () => {
    const { as, fetch } = await testWorker({ env: { PUBLIC_READS: "true" } });
    const response = await as("viewer", "/v1/whoami");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toEqual({ name: "viewer", scopes: ["read"], version, api: apiVersion });
    for (const headers of [{}, { authorization: "Bearer wrong" }, { authorization: `Bearer ${ingestKey}` }])
      expect((await fetch("/v1/whoami", { headers })).status).toBe(401);
  });

  it("commands need a token all the same where reads are public", async () => {
    const { fetch } = await testWorker({ env: { PUBLIC_READS: "true" } });
    const body = JSON.stringify({ id: "1", name: "circuit.open", args: { circuit: "prices" } });
    expect((await fetch("/v1/commands", { method: "POST", body })).status).toBe(401);
  });

  it("/v1/policies lists what is configured, save what is quiet", async () => {
    const { as } = await testWorker({
      upstreams: {
        prices: { service: "ORIGIN", policy: "retry(3)" },
        assets: { service: "ORIGIN", quiet: true },
      },
    });
    expect(await (await as("viewer", "/v1/policies")).json()).toEqual({
      policies: [{ name: "prices", text: "retry(3)", version: 0, updatedAt: null, updatedBy: null }],
    });
  });

  it("/v1/audit says that it is intact, newest first", async () => {
    const { as, command } = await testWorker();
    await command("admin", "circuit.open", { circuit: "prices" }, "1");
    const { entries, intact } = await (await as("viewer", "/v1/audit")).json<{
      entries: { outcome: string }[];
      intact: boolean;
    }>();
    expect(entries.map(({ outcome }) => outcome)).toEqual(["done", "requested"]);
    expect(intact).toBe(true);
  });

  it("/metrics is Prometheus text", async () => {
    const { as, observer } = await testWorker();
    await observer.ingest({ ...batch, events: [event] } as never);
    const response = await as("viewer", "/metrics");
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await response.text()).toContain(
      'resilience_requests_total{policy="prices",result="success"} 1\n',
    );
  });

  it.each([
    ["application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5", "openmetrics"],
    ["text/plain;version=0.0.4, application/openmetrics-text;q=0.1", "plain"],
    ["*/*", "plain"],
    ["application/json", "plain"],
  ])("/metrics answers Accept: %s with %s", async (accept, format) => {
    const { observer, fetch } = await testWorker({ env: { PUBLIC_READS: "true" } });
    await observer.ingest({
      ...batch,
      events: [{ ...event, traceId: "4bf92f3577b34da6a3ce929d0e0e4736" }],
    } as never);
    const response = await fetch("/metrics", { headers: { accept } });
    const text = await response.text();
    const open = format === "openmetrics";
    expect(response.headers.get("content-type")).toBe(
      open
        ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
        : "text/plain; version=0.0.4; charset=utf-8",
    );
    expect(response.headers.get("vary")).toContain("accept");
    expect(text.endsWith("# EOF\n")).toBe(open);
    expect(text.includes('# {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"}')).toBe(open);
  });

  it("/healthz says that the Worker runs and is configured well, to all", async () => {
    const { fetch } = await testWorker();
    const response = await fetch("/healthz");
    expect([response.status, await response.json()]).toEqual([200, { status: "ok", upstreams: 1 }]);
  });

  it.each([
    { UPSTREAMS: "{" },
    { UPSTREAMS: '{ "a": {} }' },
    { UPSTREAMS: '{ "a": { "service": "MISSING" } }' },
    { TOKENS: "{" },
    { TOKENS: "[{}]" },
    { INGEST_KEYS: "{" },
  ])("/healthz says that the configuration %j is wrong", async (env) => {
    const told = toldToOwner();
    const { fetch } = await testWorker({ env });
    expect((await fetch("/healthz")).status).toBe(500);
    expect(told).toMatchObject([[{ message: expect.stringContaining(Object.keys(env)[0] as string) }]]);
  });

  it("/docs tells of the routes and the commands, to all", async () => {
    const { fetch } = await testWorker();
    const response = await fetch("/docs");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toContain("text/html");
    const text = await response.text();
    for (const part of ["/gateway/", "/v1/live", "circuit.open", "policy.set"]) expect(text).toContain(part);
  });

  it.each(["/nothing", "/v1/nothing", "/gateway"])("there is nothing at %s", async (path) => {
    const response = await (await testWorker()).fetch(path);
    expect(response.status).toBe(404);
    expect((await problemIn(response)).type).toBe("urn:ninelives:problem:not-found");
  });

  it("answers of the API may not be sniffed or framed", async () => {
    const { headers } = await (await testWorker()).as("viewer", "/v1/state");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("x-frame-options")).toBe("SAMEORIGIN");
  });
});

describe("/v1/live", () => {
  const upgrade = { upgrade: "websocket" };

  async function watch(worker: Awaited<ReturnType<typeof testWorker>>, headers: Record<string, string>) {
    const response = await worker.fetch("/v1/live", { headers: { ...upgrade, ...headers } });
    const socket = response.webSocket;
    const messages: LiveMessage[] = [];
    const texts: string[] = [];
    socket?.addEventListener("message", ({ data }) => {
      texts.push(data as string);
      if ((data as string).startsWith("{")) messages.push(JSON.parse(data as string));
    });
    socket?.accept();
    return { response, socket, messages, texts };
  }

  it("tells what is, and after an ingest what has changed", async () => {
    const worker = await testWorker();
    const { response, messages } = await watch(worker, { authorization: `Bearer ${tokens.viewer}` });
    expect(response.status).toBe(101);
    await vi.waitFor(() => expect(messages[0]).toMatchObject({ type: "snapshot", state: { version: 1 } }));
    const sent = await worker.fetch("/v1/events", {
      method: "POST",
      body: JSON.stringify(batch),
      headers: { authorization: `Bearer ${ingestKey}` },
    });
    expect(sent.status).toBe(202);
    await vi.waitFor(() =>
      expect(messages.at(-1)).toMatchObject({
        type: "delta",
        totals: { events: 1 },
        policies: [{ policy: "prices" }],
        events: [{ type: "request.succeeded", policy: "prices", source: "page abcd" }],
      }),
    );
  });

  it("takes the token as a subprotocol, which is all that a browser can send", async () => {
    const offer = `ninelives.v1, token.${tokens.viewer}`;
    const { response, messages } = await watch(await testWorker(), { "sec-websocket-protocol": offer });
    expect(response.status).toBe(101);
    // The token itself is not said back.
    expect(response.headers.get("sec-websocket-protocol")).toBe("ninelives.v1");
    await vi.waitFor(() => expect(messages).toHaveLength(1));
  });

  it.each<[string, number]>([
    ["ninelives.v1", 401],
    ["ninelives.v1, token.wrong", 401],
    [`token.${tokens.viewer}`, 401],
    [`ninelives.v1, token.${tokens.opener}`, 403],
  ])("refuses the subprotocols %s", async (offer, status) => {
    const { response, socket } = await watch(await testWorker(), { "sec-websocket-protocol": offer });
    expect([response.status, socket ?? null]).toEqual([status, null]);
  });

  it("answers ping with pong", async () => {
    const { socket, texts } = await watch(await testWorker({ env: { PUBLIC_READS: "true" } }), {});
    socket?.send("ping");
    await vi.waitFor(() => expect(texts).toContain("pong"));
  });

  it("asks who comes without a WebSocket to upgrade", async () => {
    const response = await (await testWorker()).as("viewer", "/v1/live");
    expect(response.status).toBe(426);
    expect(response.headers.get("upgrade")).toBe("websocket");
    expect((await problemIn(response)).type).toBe("urn:ninelives:problem:upgrade-required");
  });

  describe("by server-sent events", () => {
    const stream = { accept: "text/event-stream" };

    /** Reads frames as they come. */
    async function follow(worker: Awaited<ReturnType<typeof testWorker>>, headers: object = {}) {
      const response = await worker.as("viewer", "/v1/live", { headers: { ...stream, ...headers } });
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      const next = async (): Promise<{ id: string; message: LiveMessage }> => {
        while (!text.includes("\n\n")) {
          const { done, value } = (await reader?.read()) ?? { done: true };
          if (done) throw new Error("the stream ended");
          text += value;
        }
        const frame = text.slice(0, text.indexOf("\n\n"));
        text = text.slice(frame.length + 2);
        const [, id = "", data = ""] = /^id: (.+)\ndata: (.+)$/.exec(frame) ?? [];
        return { id, message: JSON.parse(data) };
      };
      const nextWithEvents = async () => {
        for (let frame = await next(); ; frame = await next())
          if (frame.message.events.length > 0) return frame;
      };
      return { response, next, nextWithEvents, leave: () => reader?.cancel() };
    }

    it("tells what is, then what changes, and ends when the client goes", async () => {
      const worker = await testWorker();
      const { response, next, nextWithEvents, leave } = await follow(worker);
      expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect((await next()).message).toMatchObject({ type: "snapshot", state: { version: 1, events: 0 } });
      await worker.observer.ingest({ ...batch, events: [event] } as never);
      expect((await nextWithEvents()).message).toMatchObject({
        type: "delta",
        totals: { events: 1 },
        policies: [{ policy: "prices" }],
        events: [{ policy: "prices" }],
        skipped: 0,
      });
      await leave();
    });

    it("goes on from the last event's id", async () => {
      const worker = await testWorker();
      const first = await follow(worker);
      const { id } = await first.next();
      await first.leave();
      await worker.observer.ingest({ ...batch, events: [event, event] } as never);
      const { next, leave } = await follow(worker, { "last-event-id": id });
      const { message } = await next();
      expect(message).toMatchObject({ type: "delta", totals: { events: 2 }, skipped: 0 });
      expect(message.events).toHaveLength(2);
      await leave();
    });

    it("begins anew for an id that it does not know", async () => {
      const { next, leave } = await follow(await testWorker(), { "last-event-id": "other.0.1" });
      expect((await next()).message.type).toBe("snapshot");
      await leave();
    });

    it("needs a token like any read", async () => {
      const response = await (await testWorker()).fetch("/v1/live", { headers: stream });
      expect(response.status).toBe(401);
    });
  });
});
