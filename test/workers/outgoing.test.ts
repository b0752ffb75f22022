import type { AlertNotice } from "ninelives/observer";
import { describe, expect, it } from "vitest";
import { readAlerts } from "../../workers/alerting.ts";
import { readExports } from "../../workers/exports.ts";
import { addresses, realOrigin } from "../contracts/real-origin.ts";
import { testIssuer, trusting } from "./test-issuer.ts";
import { problemIn, testWorker, toldToOwner } from "./test-worker.ts";

// Over the network of the real workerd, whose fetch knows less than others do.

describe("JWT", () => {
  /** A Worker that takes tokens by the keys at a URL. */
  const trustingWorker = async (url: string) => {
    const worker = await testWorker({ env: { JWT: trusting(url) } });
    const whoami = (token: string) =>
      worker.fetch("/v1/whoami", { headers: { authorization: `Bearer ${token}` } });
    return { ...worker, whoami };
  };

  it("tells whose token it is by the keys that the issuer serves", async () => {
    const { server, sign } = await testIssuer();
    const { whoami } = await trustingWorker(server.url("/keys"));
    const response = await whoami(await sign());
    expect(await response.json()).toMatchObject({ name: "jwt:ann", scopes: ["circuit.*"] });
    expect((await server.seen()).map(({ path }) => path)).toEqual(["/keys"]);
  });

  it("follows no redirect to other keys", async () => {
    const told = toldToOwner("warn");
    const { keys, server: evil, sign } = await testIssuer();
    const issuer = await realOrigin([], { status: 302, headers: { location: evil.elsewhere() }, body: keys });
    const { whoami } = await trustingWorker(issuer.url());
    expect((await problemIn(await whoami(await sign()))).type).toBe(
      "urn:ninelives:problem:issuer-unreachable",
    );
    expect(await evil.seen()).toEqual([]);
    expect(String(told[0]?.[1])).toContain("the keys of JWT could not be fetched: 302");
  });

  it("answers 503 while the issuer is down, and asks it once for all tokens", async () => {
    toldToOwner("warn");
    const { sign } = await testIssuer();
    const issuer = await realOrigin([], { status: 500 });
    const { whoami } = await trustingWorker(issuer.url());
    for (let time = 0; time < 5; time++) {
      const response = await whoami(await sign({}, { kid: `${time}` }));
      expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
      await response.body?.cancel();
    }
    // It is tried twice.
    expect(await issuer.seen()).toHaveLength(2);
  });

  it("answers 503 while nobody listens there, and the gateway goes on", async () => {
    toldToOwner("warn");
    const { sign } = await testIssuer();
    const worker = await testWorker({
      upstreams: { prices: { service: "ORIGIN", priority: {} } },
      env: { JWT: trusting(addresses().refused) },
    });
    const token = await sign();
    const headers = { "x-ninelives-token": token, priority: "u=0" };
    expect((await worker.fetch("/gateway/prices/", { headers })).status).toBe(200);
    const response = await worker.fetch("/v1/whoami", { headers: { authorization: `Bearer ${token}` } });
    expect([response.status, response.headers.has("retry-after")]).toEqual([503, true]);
    expect(JSON.stringify(await problemIn(response))).not.toContain("127.0.0.1");
  });

  it("takes keys from nowhere that others could write to", async () => {
    const told = toldToOwner();
    for (const url of ["http://id.test/keys", "http://localhost.evil.test/", "ftp://id.test/", "id.test"]) {
      const { fetch } = await trustingWorker(url);
      expect((await fetch("/healthz")).status).toBe(500);
      expect(String(told.at(-1)?.[0])).toContain("JWT.jwks must be an https URL");
    }
  });
});

const notice: AlertNotice = {
  status: "firing",
  alert: "errors",
  text: "too many",
  since: 1,
  at: 2,
} as unknown as AlertNotice;
const batch = { version: 1, source: { id: "abcdef", kind: "worker" }, sentAt: 1, dropped: 0, events: [] };

describe.each<[string, (url: string) => Promise<unknown>]>([
  [
    "the webhook of alerts",
    async (url) => {
      const webhook = { url, headers: { authorization: "secret" } };
      return readAlerts(JSON.stringify({ rules: [], webhook })).notify?.(notice);
    },
  ],
  [
    "the webhook of exports",
    async (url) => {
      const EXPORTS = JSON.stringify([{ to: "webhook", url, headers: { authorization: "secret" } }]);
      const [exported] = readExports({ EXPORTS } as never);
      return exported?.deliver(batch as never, { signal: new AbortController().signal } as never);
    },
  ],
  [
    "an OpenTelemetry collector",
    async (url) => {
      const EXPORTS = JSON.stringify([{ to: "otlp", url, headers: { authorization: "secret" } }]);
      const [exported] = readExports({ EXPORTS } as never);
      const event = {
        type: "request.failed",
        policy: "prices",
        at: 1,
        duration: 5,
        attempts: 1,
        kind: "value",
      };
      const events = [event];
      return exported?.deliver(
        { ...batch, events } as never,
        { signal: new AbortController().signal } as never,
      );
    },
  ],
])("%s", (_, tell) => {
  it("is told", async () => {
    const hook = await realOrigin([], { status: 200, body: "{}" });
    await tell(hook.url("/in"));
    const [seen] = await hook.seen();
    expect(seen).toMatchObject({ method: "POST", headers: { authorization: "secret" } });
  });

  it("is not followed when it redirects, and has not been told", async () => {
    const other = await realOrigin();
    const hook = await realOrigin([], { status: 307, headers: { location: other.elsewhere() } });
    await expect(tell(hook.url("/in"))).rejects.toMatchObject({ name: "DeliveryError", status: 307 });
    expect(await other.seen()).toEqual([]);
  });
});
