import { sha256 } from "ninelives/control";
import { describe, expect, it } from "vitest";
import { cases, crossSite, open, secretName } from "./hostile-cases.ts";
import { testIssuer } from "./test-issuer.ts";
import { problemIn, testWorker } from "./test-worker.ts";

const upstreams = {
  "acme-prices": { service: "ORIGIN", policy: "retry(1) + circuitBreaker" },
  other: { service: "ORIGIN" },
  [`secret-${secretName}`]: {
    members: [{ name: "a", service: "ORIGIN" }],
    policy: "rateLimit(9, per: 1s) + circuitBreaker",
    routes: [{ name: "deal", path: "/deal", policy: "rateLimit(9, per: 1s) + circuitBreaker" }],
  },
};

/** A Worker that knows an issuer of JWTs, whose keys it fetches. */
async function hostileScene() {
  const { config, sign: jwt } = await testIssuer();
  const tenant = { name: "acme", sha256: await sha256("acme-token"), scopes: ["*"], policies: ["acme-*"] };
  const opener = { name: "bob", sha256: await sha256("opener-token"), scopes: ["circuit.open"] };
  const worker = await testWorker({
    upstreams,
    env: {
      TOKENS: JSON.stringify([tenant, opener]),
      JWT: config,
    },
  });
  const send = (token: string, name: string, body: string) =>
    worker.fetch(`/v1/commands/${name}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body,
    });
  return { worker, jwt, send };
}

describe("the control plane, when somebody means harm", () => {
  it.each(cases)(
    "answers to %s, changes nothing and tells nothing",
    async (_, token, name, body, status, type) => {
      const scene = await hostileScene();
      const shown = await token(scene);
      const response = await scene.send(shown, name, body);
      const problem = await problemIn(response);
      expect([response.status, problem.type]).toEqual([status, `urn:ninelives:problem:${type}`]);
      expect(JSON.stringify(problem)).not.toContain(shown);
      expect(JSON.stringify(problem)).not.toMatch(/\.[jt]sx?:\d/);
      expect(JSON.stringify(problem)).not.toContain(secretName);
      expect(await scene.worker.control.documents()).toEqual([]);
      for (const circuit of ["acme-prices", "other"]) {
        expect((await scene.worker.circuit(circuit).view())?.state ?? "closed").toBe("closed");
      }
    },
  );

  it("does what a JWT and a tenant may, and shows a tenant only what is theirs", async () => {
    const { worker, jwt, send } = await hostileScene();
    expect((await send(await jwt(), "circuit.open", open)).status).toBe(200);
    expect((await send("acme-token", "circuit.close", open)).status).toBe(200);
    const list = await (await send("acme-token", "policy.list", "{}")).json<{ value: { name: string }[] }>();
    expect(list.value.map(({ name }) => name)).toEqual(["acme-prices"]);
    const state = await (await send("acme-token", "state", "{}")).json<{ value: { policy: string }[] }>();
    expect(state.value.map(({ policy }) => policy)).toEqual(["acme-prices"]);
    const headers = { authorization: "Bearer acme-token" };
    expect((await worker.fetch("/v1/policies", { headers })).status).toBe(403);
    expect((await worker.fetch("/v1/audit", { headers })).status).toBe(403);
  });

  it.each<[string, string, string, string?]>([
    ["a report on another tenant's circuit", "POST", "/v1/shared/other", "{}"],
    ["a report on another tenant's limit", "POST", "/v1/shared/other:limit", "{}"],
    ["following another tenant's circuit", "GET", "/v1/shared/other"],
    ["a member for another tenant's service", "PUT", "/v1/registry/other/a", '{"url":"https://evil.test/"}'],
    ["taking a member from another tenant's service", "DELETE", "/v1/registry/other/a"],
    ["a look at another tenant's members", "GET", "/v1/registry/other"],
  ])("refuses a tenant %s", async (_, method, path, body) => {
    const { worker } = await hostileScene();
    const headers = { authorization: "Bearer acme-token" };
    const ask = (where: string) =>
      worker.fetch(where, { method, headers, ...(body !== undefined && { body }) });
    const refused = await ask(path);
    expect([refused.status, (await problemIn(refused)).type]).toEqual([
      403,
      "urn:ninelives:problem:forbidden",
    ]);
    expect((await ask(path.replace("other", "acme-prices"))).status).not.toBe(403);
  });

  it.each(crossSite)("answers %s", async (_, method, path, headers, status) => {
    const { worker } = await hostileScene();
    const response = await worker.fetch(path, {
      method,
      headers: { origin: "https://evil.test", ...headers },
      ...(method === "POST" && { body: open }),
    });
    expect(response.status).toBe(status);
    for (const name of ["access-control-allow-credentials", "set-cookie"])
      expect(response.headers.has(name)).toBe(false);
    const readable = response.headers.get("access-control-allow-origin");
    expect(readable).toBe(/^\/v1\/(?:policies|shared)/.test(path) ? "*" : null);
    expect((await worker.circuit("acme-prices").view())?.state ?? "closed").toBe("closed");
  });

  it("tells nobody a long name back", async () => {
    const { worker } = await hostileScene();
    const name = "(".repeat(2_048);
    for (const token of ["acme-token", "opener-token", "wrong"]) {
      const headers = { authorization: `Bearer ${token}` };
      const response = await worker.fetch(`/v1/shared/${name}`, { method: "POST", headers, body: "{}" });
      expect(response.status).toBe(414);
      expect(await response.text()).not.toContain("((((");
    }
  });

  it("does a replayed command once, and no other under its id", async () => {
    const { worker } = await hostileScene();
    const replay = (text = "retry(2)") =>
      worker.fetch("/v1/commands", {
        method: "POST",
        headers: { authorization: "Bearer acme-token" },
        body: JSON.stringify({
          id: "1",
          name: "policy.set",
          args: { name: "acme-prices", text, version: 0 },
        }),
      });
    for (let time = 0; time < 3; time++) expect((await replay()).status).toBe(200);
    expect((await replay("retry(9)")).status).toBe(409);
    expect(await worker.control.documents()).toMatchObject([{ version: 1, text: "retry(2)" }]);
  });

  it("answers to a flood of strangers with 429, and to others as before", async () => {
    const { worker, send } = await hostileScene();
    const statuses = await Promise.all(
      Array.from({ length: 320 }, async () => (await send("wrong", "circuit.open", open)).status),
    );
    // Not all of the 20 above the 300 that may come at once: more may come as time goes by.
    expect(statuses).toContain(429);
    expect((await worker.control.audit(500)).entries.length).toBe(20);
    expect((await send("acme-token", "circuit.open", open)).status).toBe(200);
  });
});
