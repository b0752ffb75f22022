import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { AlertNotice, LiveMessage } from "ninelives/observer";
import { ObserverObject } from "ninelives/workers";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { testWorker, toldToOwner } from "./test-worker.ts";

const errors = { name: "errors", when: "error-rate", above: 0.5, minimumRequests: 2 };
const webhook = { url: "https://chat.test/in", headers: { authorization: "secret" } };

/** Requests that leave the object, and what is answered to them. */
function outside(answer: () => Response = () => new Response()) {
  const sent: { readonly url: string; readonly headers: Headers; readonly notice: AlertNotice }[] = [];
  const fetch = vi.spyOn(globalThis, "fetch").mockImplementation(async (url, init) => {
    const { headers, body } = init ?? {};
    sent.push({ url: String(url), headers: new Headers(headers), notice: JSON.parse(String(body)) });
    return answer();
  });
  onTestFinished(() => fetch.mockRestore());
  return sent;
}

let made = 0;

/** An observer with rules for alerts. What it does happens inside a real object; a new one over the same storage is a restart. */
function observer(alerts: object) {
  const stub = env.OBSERVER.getByName(`alerting ${++made}`);
  return <T>(act: (object: ObserverObject, state: DurableObjectState) => T | Promise<T>): Promise<T> =>
    runInDurableObject(stub, (_, state) =>
      act(new ObserverObject(state, { ALERTS: JSON.stringify(alerts) }), state),
    );
}

const failing = (failed: number, of: number) => ({
  version: 1 as const,
  source: { id: "abcdef", kind: "page" as const },
  sentAt: Date.now(),
  dropped: 0,
  events: Array.from({ length: of }, (_, index) =>
    index < failed
      ? ({
          type: "request.failed",
          policy: "prices",
          at: 1,
          duration: 5,
          attempts: 1,
          kind: "value",
        } as const)
      : ({ type: "request.succeeded", policy: "prices", at: 1, duration: 5, attempts: 1 } as const),
  ),
});

describe("ObserverObject > alerts", () => {
  it("tells a webhook that an alert fires, once, and that it is resolved", async () => {
    const out = outside();
    await observer({ rules: [errors], webhook })(async (object) => {
      object.ingest(failing(2, 2));
      object.alarm();
      await vi.waitFor(() => expect(out).toHaveLength(1));
      expect(out[0]).toMatchObject({
        url: webhook.url,
        notice: { status: "firing", alert: "errors", policy: "prices", value: 1, above: 0.5, window: "1m" },
      });
      expect(out[0]?.headers.get("authorization")).toBe("secret");
      object.alarm();
      object.ingest(failing(0, 6));
      object.alarm();
      await vi.waitFor(() => expect(out).toHaveLength(2));
      expect(out[1]?.notice).toMatchObject({ status: "resolved", value: 0.25 });
      expect(out[1]?.notice.text).toBe(
        "Resolved: errors. prices: the error rate of the last 1m, 0.25, is no longer above 0.50",
      );
    });
  });

  it("looks though nobody watches, as long as a window holds something", async () => {
    await observer({ rules: [errors] })(async (object, { storage }) => {
      expect(await storage.getAlarm()).toBeNull();
      object.ingest(failing(2, 2));
      const alarm = (await storage.getAlarm()) as number;
      expect(alarm - Date.now()).toBeGreaterThan(0);
      expect(alarm - Date.now()).toBeLessThanOrEqual(5_000);
      await storage.deleteAlarm();
      object.alarm();
      expect(await storage.getAlarm()).not.toBeNull();
      await storage.deleteAlarm();
      const clock = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 16 * 60_000);
      object.alarm();
      clock.mockRestore();
      expect(await storage.getAlarm()).toBeNull();
    });
  });

  it("sets no alarm without rules", async () => {
    await observer({ rules: [] })(async (object, { storage }) => {
      object.ingest(failing(2, 2));
      expect(await storage.getAlarm()).toBeNull();
      expect(object.state()).not.toHaveProperty("alerts");
    });
  });

  it("shows the rules and what they found", async () => {
    await observer({ rules: [errors, { name: "open", when: "circuit-open" }] })(async (object) => {
      object.ingest(failing(2, 2));
      object.alarm();
      expect(object.state().alerts).toMatchObject([
        { name: "errors", state: "firing", subjects: [{ policy: "prices", state: "firing", value: 1 }] },
        { name: "open", state: "ok", subjects: [] },
      ]);
    });
  });

  it("shows viewers what fires as it goes", async () => {
    await observer({ rules: [errors] })(async (object) => {
      const { webSocket } = object.fetch(
        new Request("https://observer/", { headers: { upgrade: "websocket" } }),
      );
      const messages: LiveMessage[] = [];
      webSocket?.addEventListener("message", ({ data }) => {
        messages.push(JSON.parse(data as string));
      });
      webSocket?.accept();
      await vi.waitFor(() =>
        expect(messages[0]).toMatchObject({ type: "snapshot", state: { alerts: [{ state: "ok" }] } }),
      );
      object.ingest(failing(2, 2));
      object.alarm();
      await vi.waitFor(() =>
        expect(messages.at(-1)).toMatchObject({ type: "delta", alerts: [{ state: "firing" }] }),
      );
      webSocket?.close();
    });
  });

  it("what fires fires still after a restart, and is not told again", async () => {
    const out = outside();
    const inside = observer({ rules: [{ ...errors, minimumRequests: 1 }], webhook });
    await inside(async (object) => {
      object.ingest(failing(2, 2));
      object.alarm();
      await vi.waitFor(() => expect(out).toHaveLength(1));
    });
    await inside(async (object) => {
      expect(object.state().alerts).toMatchObject([{ state: "firing" }]);
      object.ingest(failing(2, 2));
      object.alarm();
      expect(object.state().alerts).toMatchObject([{ state: "firing" }]);
    });
    expect(out).toHaveLength(1);
  });

  it("tells what a webhook missed when it is back, also after a restart, in order", {
    timeout: 15_000,
  }, async () => {
    const warned = toldToOwner("warn");
    let status = 503;
    const out = outside(() => new Response(null, { status }));
    const inside = observer({ rules: [errors], webhook });
    await inside(async (object) => {
      object.ingest(failing(2, 2));
      object.alarm();
      await vi.waitFor(() => expect(warned).toHaveLength(1));
    });
    status = 204;
    out.length = 0;
    await inside(async (object) => {
      object.ingest(failing(0, 6));
      object.alarm();
      await vi.waitFor(() => expect(out.map(({ notice }) => notice.status)).toEqual(["firing", "resolved"]));
    });
  });

  it("skips what a webhook refuses for good, says so, and tells the next", async () => {
    const warned = toldToOwner("warn");
    let status = 400;
    const out = outside(() => new Response(null, { status }));
    await observer({ rules: [errors], webhook })(async (object) => {
      object.ingest(failing(2, 2));
      object.alarm();
      await vi.waitFor(() => expect(warned).toHaveLength(1));
      expect(warned[0]).toEqual([
        "the webhook refused an alert with 400",
        expect.stringContaining("Firing: errors. prices: the error rate"),
      ]);
      status = 204;
      object.ingest(failing(0, 6));
      object.alarm();
      await vi.waitFor(() => expect(out.map(({ notice }) => notice.status)).toEqual(["firing", "resolved"]));
    });
  });

  it("leaves a webhook alone for as long as it asks", async () => {
    toldToOwner("warn");
    const headers = { "retry-after": "60" };
    const out = outside(() => new Response(null, { status: 503, headers }));
    await observer({ rules: [errors], webhook })(async (object, state) => {
      const works: Promise<unknown>[] = [];
      const waitUntil = vi.spyOn(state, "waitUntil").mockImplementation((work) => void works.push(work));
      onTestFinished(() => waitUntil.mockRestore());
      const look = async () => {
        object.alarm();
        await Promise.all(works.splice(0));
      };
      object.ingest(failing(2, 2));
      await look();
      expect(out).toHaveLength(1);
      await look();
      expect(out).toHaveLength(1);
      const clock = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 60_001);
      onTestFinished(() => clock.mockRestore());
      await look();
      expect(out).toHaveLength(2);
    });
  });

  it("comes again when the webhook said so", { timeout: 15_000 }, async () => {
    let asked = 0;
    const headers = { "retry-after": "1" };
    const out = outside(() =>
      asked++ === 0 ? new Response(null, { status: 429, headers }) : new Response(),
    );
    await observer({ rules: [errors], webhook })(async (object) => {
      object.ingest(failing(2, 2));
      const before = performance.now();
      object.alarm();
      await vi.waitFor(() => expect(out).toHaveLength(2), { timeout: 10_000 });
      expect(performance.now() - before).toBeGreaterThan(900);
    });
  });

  it("counts all the same when the rules are wrong, and says what is wrong", async () => {
    const told = toldToOwner();
    await observer({ rules: [{ ...errors, above: 50 }] })((object) => {
      object.ingest(failing(2, 2));
      object.alarm();
      expect(object.state()).toMatchObject({ events: 2 });
      expect(object.state()).not.toHaveProperty("alerts");
    });
    expect(String(told[0]?.[1])).toBe(
      "RangeError: ALERTS.rules[0].above must be a number from 0 to 1, but is 50",
    );
  });
});

describe("ALERTS", () => {
  it.each([
    ["{", "ALERTS is no JSON"],
    ["[]", "ALERTS must be an object"],
    ['{"rules":[],"hook":{}}', 'ALERTS has no option "hook"; it has rules, webhook'],
    ["{}", "ALERTS.rules must be a list, but is undefined"],
    ['{"rules":[{"name":"a","when":"rain"}]}', "ALERTS.rules[0].when must be one of"],
    ['{"rules":[],"webhook":"https://x"}', "ALERTS.webhook must be an object"],
    ['{"rules":[],"webhook":{}}', "ALERTS.webhook.url must be a text"],
    ['{"rules":[],"webhook":{"url":"secret"}}', "ALERTS.webhook.url must be a URL"],
    [
      '{"rules":[],"webhook":{"url":"https://x","headers":{"a":1}}}',
      "ALERTS.webhook.headers must be an object of texts",
    ],
    ['{"rules":[],"webhook":{"url":"https://x","method":"PUT"}}', 'ALERTS.webhook has no option "method"'],
  ])("%s is refused by /healthz", async (alerts, message) => {
    const told = toldToOwner();
    const { fetch } = await testWorker({ env: { ALERTS: alerts } });
    expect((await fetch("/healthz")).status).toBe(500);
    expect(String(told.flat().find((each) => each instanceof Error))).toContain(message);
  });
});
