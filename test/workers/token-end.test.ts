import { runInDurableObject } from "cloudflare:test";
import { followUntil } from "ninelives/stores/durable-object";
import { describe, expect, it, vi } from "vitest";
import { testIssuer } from "./test-issuer.ts";
import { testWorker } from "./test-worker.ts";

const event = { type: "request.succeeded", policy: "prices", at: 1_000, duration: 5, attempts: 1 } as const;
const batch = { version: 1, source: { id: "abcdef", kind: "page" }, sentAt: 1_000, dropped: 0 } as const;

/** A Worker, and somebody whose JWT is taken for so many seconds yet. */
async function scene(holds: number) {
  const issuer = await testIssuer();
  const worker = await testWorker({ env: { JWT: issuer.config } });
  const until = Math.floor(Date.now() / 1_000) + holds;
  const jwt = await issuer.sign({ sub: "ann", scope: "read", exp: until - 30 });
  return { worker, until: until * 1_000, authorization: `Bearer ${jwt}` };
}

describe("a connection that a JWT has opened", () => {
  it.each(["policies", "live"])("to /v1/%s ends with it, at the next news", async (path) => {
    const { worker, until, authorization } = await scene(25);
    const [home, news] =
      path === "live"
        ? [worker.observer, () => worker.observer.ingest({ ...batch, events: [event] })]
        : [worker.control, () => worker.control.setDocument("prices", "retry(2)", 0, "ann")];
    const headers = { upgrade: "websocket", authorization, [followUntil]: `${until * 2}` };
    const { webSocket } = await worker.fetch(`/v1/${path}`, { headers });
    const closed: number[] = [];
    webSocket?.addEventListener("close", ({ code }) => closed.push(code));
    webSocket?.accept();
    await runInDurableObject(home as DurableObjectStub, (_, state) => {
      const [socket] = state.getWebSockets();
      expect(socket?.deserializeAttachment()).toEqual({ until });
      socket?.serializeAttachment({ until: Date.now() });
    });
    expect(closed).toEqual([]);
    await news();
    await vi.waitFor(() => expect(closed).toEqual([1008]), { timeout: 10_000 });
  });

  it("to /v1/live ends with it as a stream of server-sent events too", async () => {
    const { worker, authorization } = await scene(2);
    const headers = { accept: "text/event-stream", authorization };
    const { body } = await worker.fetch("/v1/live", { headers });
    let ended = false;
    const read = body?.pipeTo(new WritableStream()).then(() => {
      ended = true;
    });
    await vi.waitFor(
      async () => {
        await worker.observer.ingest({ ...batch, events: [event] });
        expect(ended).toBe(true);
      },
      { timeout: 20_000, interval: 300 },
    );
    await read;
  });
});
