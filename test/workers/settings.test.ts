import { sha256 } from "ninelives/control";
import { describe, expect, it, vi } from "vitest";
import { Gateway, gatewayOf } from "../../workers/gateway.ts";
import { type Origin, problemIn, testWorker, toldToOwner } from "./test-worker.ts";

const members = [
  { name: "a", service: "ORIGIN", path: "/a" },
  { name: "b", service: "ORIGIN", path: "/b" },
];
const search = { name: "search", path: "/search", policy: "retry(2, backoff: constant(1ms))" };
const broken: Origin = () => new Response("broken", { status: 500 });

async function stage(configured: object, origin?: Origin) {
  const worker = await testWorker({
    upstreams: {
      prices: {
        ...("members" in configured ? {} : { service: "ORIGIN" }),
        policy: "identity",
        ...configured,
      },
    },
    ...(origin !== undefined && { origin }),
  });
  const done = async (name: string, args: object) => {
    const response = await worker.command("admin", name, args);
    const body = (await response.json()) as { readonly value: unknown; readonly detail?: string };
    expect([response.status, body.detail]).toEqual([200, undefined]);
    return body.value;
  };
  const set = (settings: unknown, more: object = {}) =>
    done("upstream.set", { upstream: "prices", settings, ...more });
  /** How often the origin is asked for one request, and what its caller gets. */
  const sent = async (path: string) => {
    worker.seen.splice(0);
    const { status } = await worker.fetch(`/gateway/prices${path}`);
    return [worker.seen.length, status];
  };
  return { ...worker, done, set, sent };
}

describe("settings of an upstream", () => {
  it("are told as they hold, and what of them is not as configured", async () => {
    const { done, set } = await stage({ members, check: "/healthz", group: { slowStart: "1s" } });
    expect(await done("upstream.get", { upstream: "prices" })).toEqual({
      upstream: "prices",
      version: 0,
      settings: {
        group: { slowStart: "1s" },
        routes: [],
        staleIfError: false,
        check: { path: "/healthz", every: 10_000 },
        deadline: false,
        priority: false,
        trace: false,
        redirects: "pass",
        quiet: false,
      },
      changed: {},
      members: ["a", "b"].map((name) => ({ name, priority: 0, state: "in", inFlight: 0 })),
    });
    await set({ check: false, trace: true, group: { ejectFor: "9s" } });
    const changed = { staleIfError: "1h", check: false, group: { ejectFor: "9s" } };
    // Taken back is only what is said to be.
    expect(await set({ staleIfError: "1h", trace: null, group: { slowStart: null } })).toMatchObject({
      version: 2,
      changed,
      settings: {
        staleIfError: "1h",
        check: false,
        trace: false,
        group: { slowStart: "1s", ejectFor: "9s" },
      },
    });
    expect(await done("upstream.get", { upstream: "prices" })).toMatchObject({ version: 2, changed });
  });

  it("let a kept answer stand in for failures from now on, and no more", async () => {
    let works = true;
    const headers = { "cache-control": "public, max-age=0" };
    const { set, fetch } = await stage({}, (request) =>
      works ? new Response("fine", { headers }) : broken(request),
    );
    const path = `/gateway/prices/${crypto.randomUUID()}`;
    const ask = async () => (await fetch(path)).text();
    await set({ staleIfError: "1h" });
    expect(await ask()).toBe("fine");
    works = false;
    await vi.waitFor(async () => expect(await ask()).toBe("fine"));
    await set({ staleIfError: false });
    expect(await ask()).toBe("broken");
    await set({ staleIfError: "1h" });
    expect(await ask()).toBe("fine");
    await set({ staleIfError: null });
    expect(await ask()).toBe("broken");
  });

  it("change when a member is left out, and keep who is", async () => {
    const { set, fetch, seen, env } = await stage({ members, group: { ejectFor: "1h" } }, (request) =>
      request.url.includes("/a") ? broken(request) : new Response("fine"),
    );
    const group = () => gatewayOf(env).upstreams.get("prices")?.destination.group;
    const before = group();
    const state = () => before?.state(performance.now()).find(({ name }) => name === "a")?.state;
    for (let call = 0; call < 4; call++) await fetch("/gateway/prices/");
    expect(state()).toBe("in");
    await set({ group: { consecutiveFailures: 1 } });
    for (let call = 0; call < 20; call++) await fetch("/gateway/prices/");
    expect(state()).toBe("ejected");
    await set({ group: { consecutiveFailures: 1_000 }, trace: true });
    seen.splice(0);
    for (let call = 0; call < 20; call++) expect((await fetch("/gateway/prices/")).status).toBe(200);
    expect(seen.filter(({ url }) => url.includes("/a"))).toEqual([]);
    expect(group()).toBe(before);
  });

  it("say whether redirects are followed", async () => {
    const { set, fetch } = await stage({}, (request) =>
      request.url.endsWith("/old")
        ? new Response(null, { status: 302, headers: { location: "/new" } })
        : new Response("fine"),
    );
    const ask = async () => (await fetch("/gateway/prices/old", { redirect: "manual" })).status;
    expect(await ask()).toBe(302);
    await set({ redirects: "follow" });
    expect(await ask()).toBe(200);
    await set({ redirects: null });
    expect(await ask()).toBe(302);
  });

  it("bring routes, with documents and circuits of their own, change them, and take them away", async () => {
    const { set, sent, done, command, env } = await stage({}, broken);
    expect(await sent("/search")).toEqual([1, 500]);
    await set({ routes: [search] });
    expect(await sent("/search")).toEqual([2, 500]);
    expect(await sent("/")).toEqual([1, 500]);
    const policies = (await done("policy.list", {})) as { readonly name: string }[];
    expect(policies.map(({ name }) => name)).toEqual(["prices", "prices.search"]);
    // The text changes where nobody has set another.
    const { policy } = gatewayOf(env).routes.get("prices.search") ?? {};
    await set({ routes: [{ ...search, policy: "retry(3, backoff: constant(1ms))" }] });
    expect(gatewayOf(env).routes.get("prices.search")?.policy).toBe(policy);
    expect(await sent("/search")).toEqual([3, 500]);
    const text = "retry(4, backoff: constant(1ms))";
    await done("policy.set", { name: "prices.search", version: 0, text });
    expect(await sent("/search")).toEqual([4, 500]);
    await set({ routes: [{ ...search, path: "/find" }] });
    expect([await sent("/search"), await sent("/find")]).toEqual([
      [1, 500],
      [4, 500],
    ]);
    await set({ routes: null });
    expect(await sent("/find")).toEqual([1, 500]);
    expect((await command("admin", "policy.get", { name: "prices.search" })).status).toBe(404);
  });

  it("keep the circuit of a route that they change", async () => {
    const policy = "circuitBreaker(consecutiveFailures: 2, openFor: 1h)";
    const { set, sent } = await stage({ routes: [{ ...search, policy }] }, broken);
    for (let call = 0; call < 2; call++) await sent("/search");
    expect(await sent("/search")).toEqual([0, 503]);
    await set({ routes: [{ ...search, path: "/find", policy: `${policy} + timeout(5s)` }] });
    expect(await sent("/find")).toEqual([0, 503]);
  });

  it("are followed by other isolates, with the documents of the routes that they bring", async () => {
    const { set, done, env, control } = await stage({}, broken);
    await set({ routes: [search] });
    await done("policy.set", { name: "prices.search", version: 0, text: "retry(7)" });
    const other = new Gateway(env);
    const now = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 10_000);
    try {
      other.follow();
      await vi.waitFor(() => expect(other.routes.get("prices.search")?.policy.text).toBe("retry(7)"));
      // A route that comes back goes by its document again.
      const settings = async (version: number, routes: object[]) =>
        other.apply({
          name: "prices/settings",
          text: JSON.stringify({ routes }),
          version,
          updatedAt: null,
          updatedBy: null,
        });
      await settings(2, []);
      expect(other.routes.has("prices.search")).toBe(false);
      await settings(3, [search]);
      expect(other.routes.get("prices.search")?.policy.text).toBe(search.policy);
      for (const document of await control.documents()) await other.apply(document);
      expect(other.routes.get("prices.search")?.policy.text).toBe("retry(7)");
      // What is older than what holds is not put in force.
      await settings(2, []);
      expect(other.routes.has("prices.search")).toBe(true);
    } finally {
      now.mockRestore();
    }
  });

  it("are told of a dry run, and stay", async () => {
    const { set, done } = await stage({});
    expect(await set({ trace: true }, { dryRun: true })).toMatchObject({
      version: 0,
      settings: { trace: true },
      changed: { trace: true },
    });
    expect(await done("upstream.get", { upstream: "prices" })).toMatchObject({ version: 0, changed: {} });
  });

  it("are a document: with an end, versions to go back to, differences by path, and a place in a snapshot", async () => {
    const { set, done, sent, env } = await stage({}, broken);
    const document = { name: "prices/settings" };
    await set({ routes: [search] });
    await done("policy.set", { name: "prices.search", version: 0, text: "retry(3, backoff: constant(1ms))" });
    expect(await set({ staleIfError: "1m", routes: null }, { expiresIn: "1h" })).toMatchObject({
      version: 2,
      until: expect.any(Number),
    });
    expect(await done("policy.get", document)).toMatchObject({ version: 2, tree: { staleIfError: "1m" } });
    expect(await done("policy.diff", { ...document, from: 1, to: 2 })).toMatchObject({
      changes: [
        { path: "routes", before: JSON.stringify([search]), after: null },
        { path: "staleIfError", before: null, after: '"1m"' },
      ],
    });
    const snapshot = (await done("control.snapshot", {})) as object;
    const back = { ...document, version: 2, to: 1 };
    expect(await done("policy.rollback", { ...back, dryRun: true })).toMatchObject({
      applies: true,
      changes: [{ path: "staleIfError", before: '"1m"', after: null }, { path: "routes" }],
    });
    await done("policy.rollback", back);
    // It came back with its document, at once.
    expect(gatewayOf(env).routes.get("prices.search")?.policy.text).toContain("retry(3");
    expect(await sent("/search")).toEqual([3, 500]);
    await done("control.restore", snapshot);
    expect(await sent("/search")).toEqual([1, 500]);
    expect(await done("policy.set", { ...document, version: 4, tree: { routes: [search] } })).toMatchObject({
      version: 5,
    });
    const other = (await done("control.snapshot", {})) as object;
    await set({ routes: [] });
    await done("control.restore", other);
    expect(await sent("/search")).toEqual([3, 500]);
  });

  it("change by the path of a value, too", async () => {
    const { done, set } = await stage({ members });
    await set({ group: { ejectFor: "9s" }, trace: true });
    const changes = { "group.ejectFor": null, "group.slowStart": "5s", trace: null };
    expect(await done("policy.update", { name: "prices/settings", changes })).toMatchObject({
      text: '{"group":{"slowStart":"5s"}}',
    });
    expect(
      await done("policy.update", { name: "prices/settings", changes: { "group.slowStart": null } }),
    ).toMatchObject({ text: "{}" });
  });

  it("fail no request that would have succeeded, however often they change", async () => {
    const { set, fetch, seen } = await stage({}, async () => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      return new Response("fine");
    });
    const statuses: number[] = [];
    const ask = async (path: string) => statuses.push((await fetch(`/gateway/prices${path}`)).status);
    let under: Promise<unknown> = Promise.resolve();
    for (let change = 0; change < 40; change++) {
      const asked = ["/", "/search", "/find"].map(ask);
      const routes = [{ ...search, path: change % 2 === 0 ? "/search" : "/find" }].slice(
        change % 3 === 0 ? 1 : 0,
      );
      await set({ routes, trace: change % 2 === 0, staleIfError: change % 5 === 0 ? "1h" : false });
      await under;
      under = Promise.all(asked);
    }
    await under;
    expect(statuses).toEqual(Array(120).fill(200));
    expect(seen).toHaveLength(120);
  });

  it("may be changed by who may change their upstream, and by nobody else", async () => {
    const token = "ours";
    const record = { name: "ours", sha256: await sha256(token), scopes: ["*"], policies: ["prices"] };
    const { fetch } = await testWorker({
      upstreams: { prices: { service: "ORIGIN" }, stock: { service: "ORIGIN" } },
      env: { TOKENS: JSON.stringify([record]) },
    });
    const status = async (name: string, args: object) =>
      (
        await fetch(`/v1/commands/${name}`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}` },
          body: JSON.stringify(args),
        })
      ).status;
    expect(await status("upstream.set", { upstream: "prices", settings: { trace: true } })).toBe(200);
    expect(await status("policy.history", { name: "prices/settings" })).toBe(200);
    expect(await status("upstream.set", { upstream: "stock", settings: { trace: true } })).toBe(403);
    expect(await status("policy.history", { name: "stock/settings" })).toBe(403);
  });

  it.each([
    ["prices/settings", "upstream.set", { trace: true }],
    ["prices/weights", "weight.set", { a: 5 }],
  ])("are changed by nobody who may only steer policies: %s", async (name, scope, tree) => {
    const identities = { tuner: ["policy.*"], owner: ["policy.*", scope] };
    const records = Object.entries(identities).map(async ([who, scopes]) => ({
      name: who,
      sha256: await sha256(who),
      scopes,
    }));
    const { fetch, control } = await testWorker({
      upstreams: { prices: { members } },
      env: { TOKENS: JSON.stringify(await Promise.all(records)) },
    });
    const sent = (who: keyof typeof identities, command: string, args: object) =>
      fetch(`/v1/commands/${command}`, {
        method: "POST",
        headers: { authorization: `Bearer ${who}` },
        body: JSON.stringify({ name, ...args }),
      });
    const changes = [
      ["policy.set", { version: 0, tree }],
      ["policy.update", { changes: { trace: false } }],
      ["policy.rollback", { version: 0, to: 0 }],
    ] as const;
    for (const [command, args] of changes) {
      const response = await sent("tuner", command, args);
      expect([command, response.status]).toEqual([command, 403]);
      expect((await problemIn(response)).detail).toBe(`tuner may not change ${name}: it needs ${scope}, too`);
    }
    expect(await control.documents()).toEqual([]);
    expect((await sent("owner", "policy.set", { version: 0, tree })).status).toBe(200);
    expect((await sent("tuner", "policy.history", {})).status).toBe(200);
    const { entries } = await control.audit(50);
    const denied = entries.filter(({ outcome }) => outcome === "denied").map(({ command }) => command);
    expect(denied.toReversed()).toEqual(changes.map(([command]) => command));
  });

  it("keep what holds where a document is refused, and tell of it", async () => {
    const warned = toldToOwner("warn");
    const { env, control } = await stage({});
    const gateway = new Gateway(env);
    const told = vi.spyOn(gateway.sink, "emit");
    await control.setDocument("prices/settings", '{ "unheardOf": 5 }', 0, "ann", { original: "{}" });
    gateway.follow();
    await vi.waitFor(() => expect(told).toHaveBeenCalled());
    expect(told.mock.calls).toMatchObject([
      [{ type: "document.refused", policy: "prices", document: "settings", version: 1 }],
    ]);
    expect(told.mock.calls[0]?.[0]).toMatchObject({
      reason: expect.stringContaining('settings has no option "unheardOf"'),
    });
    expect(warned.some(([text]) => text === "version 1 of policy prices/settings is refused")).toBe(true);
  });

  it("that a deployment made unfit are refused, said to be, and taken back", async () => {
    toldToOwner("warn");
    const { env, set, fetch, command } = await stage({ members });
    await set({ group: { slowStart: "5s" }, trace: true });
    const upstreams = { prices: { service: "ORIGIN", policy: "identity" } };
    (env as { UPSTREAMS: string }).UPSTREAMS = JSON.stringify(upstreams);
    expect((await fetch("/gateway/prices/")).status).toBe(200);
    const response = await command("admin", "upstream.get", { upstream: "prices" });
    expect(response.status).toBe(409);
    expect((await problemIn(response)).detail).toContain(
      "version 1 of prices/settings does not fit the configuration, and is refused: settings.group is for members",
    );
    expect(await set({ group: null })).toMatchObject({ version: 2, changed: { trace: true } });
    expect(gatewayOf(env).upstreams.get("prices")?.upstream.trace).toBe(true);
  });

  it.each<[unknown, object, number, string]>([
    [{ url: "https://evil.test" }, {}, 422, 'settings has no option "url"'],
    [{ members: [] }, {}, 422, 'settings has no option "members"'],
    [{ policy: "identity" }, {}, 422, 'settings has no option "policy"'],
    [{ staleIfError: "soon" }, {}, 422, "settings.staleIfError"],
    [{ group: { slowStart: "1s" } }, {}, 422, "settings.group is for members, and there are none"],
    [{ group: 5 }, {}, 422, "settings.group must be an object"],
    [{ check: "/healthz" }, {}, 422, "settings.check is for members, and there are none"],
    [{ trace: "yes" }, {}, 422, 'settings.trace must be true or false, but is "yes"'],
    [{ routes: [{ ...search, policy: "answer(5)" }] }, {}, 422, "answer has no place in a gateway"],
    [{ routes: [{ ...search, policy: "retry(" }] }, {}, 422, "settings.routes[0].policy"],
    [{ routes: 5 }, {}, 422, "settings.routes must be a list, but is 5"],
    [[], {}, 422, "settings must be an object"],
    [{ trace: true }, { version: 3 }, 409, "version 3 was expected, but prices/settings has version 0"],
    [{ trace: true }, { version: 3, dryRun: true }, 409, "version 3 was expected"],
    [{ trace: 1 }, { dryRun: true }, 422, "settings.trace must be true or false"],
    [{ trace: true }, { upstream: "stock" }, 404, "there is no upstream stock; there is prices"],
  ])("refuse %j with %j", async (settings, more, status, detail) => {
    const { command, done } = await stage({});
    const response = await command("admin", "upstream.set", { upstream: "prices", settings, ...more });
    expect(response.status).toBe(status);
    expect((await problemIn(response)).detail).toContain(detail);
    expect(await done("upstream.get", { upstream: "prices" })).toMatchObject({ version: 0, changed: {} });
  });
});

describe("the policy of a member", () => {
  it("is a document, too", async () => {
    const policy = "circuitBreaker(consecutiveFailures: 2, openFor: 1h)";
    const { done, fetch, seen, env, observer } = await stage(
      {
        members: [
          { ...members[0], policy },
          { ...members[1], weight: 0 },
        ],
      },
      broken,
    );
    const ask = async () => (await fetch("/gateway/prices/")).status;
    expect([await ask(), await ask(), await ask()]).toEqual([500, 500, 503]);
    await done("circuit.reset", { circuit: "prices.a" });
    await done("parameter.write", { path: "prices.a/circuitBreaker.consecutiveFailures", value: 3 });
    seen.splice(0);
    expect([await ask(), await ask(), await ask(), await ask()]).toEqual([500, 500, 500, 503]);
    expect(seen).toHaveLength(3);
    expect(await done("policy.list", {})).toMatchObject([
      { name: "prices" },
      { name: "prices.a", version: 1 },
    ]);
    expect(await done("state", { name: "prices.a" })).toMatchObject([{ circuit: "prices.a" }]);
    // What keeps its settings keeps it.
    await done("upstream.set", { upstream: "prices", settings: { trace: true } });
    expect(await ask()).toBe(503);
    // Its calls are its upstream's, and so are its events.
    await gatewayOf(env).sink.flush();
    await vi.waitFor(async () => {
      const { policies } = await observer.state();
      expect(policies.map(({ policy }) => policy)).toEqual(["prices"]);
      expect(policies[0]?.circuits.map(({ circuit }) => circuit)).toEqual(["prices.a"]);
    });
  });
});
