import type { PolicyDocument } from "ninelives/control";
import { describe, expect, it } from "vitest";
import { ingestKey, problemIn, testWorker, toldToOwner } from "./test-worker.ts";

const version = (more: Partial<PolicyDocument> = {}): PolicyDocument => ({
  name: "prices",
  text: "retry(2)",
  version: 3,
  updatedAt: 1_000,
  updatedBy: "ann",
  ...more,
});

async function scene(names: readonly string[] = ["prices"], more: object = {}) {
  const worker = await testWorker({
    upstreams: Object.fromEntries(
      names.map((name) => [name, { service: "ORIGIN", policy: "retry(1)", ...more }]),
    ),
  });
  const restore = (file: object) =>
    worker.as("admin", "/v1/commands/control.restore", {
      method: "POST",
      body: JSON.stringify({ format: 1, ...file }),
    });
  return { worker, restore };
}

describe("control.restore", () => {
  it.each<[string, Partial<PolicyDocument>, string]>([
    [
      "what an override gives way to does not parse",
      { until: 9e15, beneath: { version: 2, text: "retry(((" } },
      "text: ",
    ],
    [
      "an override has nothing to give way to",
      { until: 9e15 },
      "prices: an override has both until and beneath",
    ],
    ["a version cannot be counted on", { version: 2 ** 52 + 1 }, "documents[0][0].version must be"],
  ])("changes nothing where %s", async (_, more, detail) => {
    const { worker, restore } = await scene();
    const response = await restore({ documents: [[version(more)]] });
    expect(response.status).toBe(422);
    expect((await problemIn(response)).detail).toContain(detail);
    expect(await worker.control.documents()).toEqual([]);
  });

  it("skips the documents of policies that there are no more, and says which", async () => {
    const { worker, restore } = await scene();
    const documents = [
      [version()],
      [version({ name: "gone" })],
      [version({ name: "gone/settings", text: "{}" })],
    ];
    expect(await (await restore({ documents })).json()).toMatchObject({
      value: { restored: 1, skipped: ["gone", "gone/settings"] },
    });
    expect(await worker.control.documents()).toMatchObject([{ name: "prices", text: "retry(2)" }]);
  });

  it("restores the document of a route that another document of the file brings", async () => {
    const { worker, restore } = await scene();
    const settings = { routes: [{ name: "search", path: "/search", policy: "retry(2)" }] };
    const documents = [
      [version({ name: "prices.search", text: "retry(7)" })],
      [version({ name: "prices/settings", text: JSON.stringify(settings) })],
    ];
    expect(await (await restore({ documents })).json()).toMatchObject({
      value: { restored: 2, skipped: [] },
    });
    const { policies } = await (await worker.as("viewer", "/v1/policies")).json<{ policies: object[] }>();
    expect(policies).toContainEqual(expect.objectContaining({ name: "prices.search", text: "retry(7)" }));
  });

  it("takes what control.snapshot gives of sixty policies with fifty versions each", {
    timeout: 60_000,
  }, async () => {
    const names = Array.from({ length: 60 }, (_, index) => `upstream-${index}`);
    const { worker, restore } = await scene(names);
    const text =
      "bulkhead(1000) + timeout(30s) + retry(3, backoff: exponential(100ms)) + circuitBreaker + timeout(10s)";
    const documents = names.map((name) =>
      Array.from({ length: 50 }, (_, each) =>
        version({ name, text, version: each, updatedBy: "the pipeline".repeat(20) }),
      ),
    );
    expect((await restore({ documents })).status).toBe(200);
    const { value } = await (await worker.command("admin", "control.snapshot")).json<{ value: object }>();
    expect(JSON.stringify(value).length).toBeGreaterThan(1024 * 1024);
    expect(await (await restore(value)).json()).toMatchObject({ value: { restored: 60 } });
    const last = await worker.control.history("upstream-59");
    expect(last?.at(-1)).toMatchObject({ text, version: 51 });
  });

  it("says of a file that is too large how large one may be", async () => {
    const { restore } = await scene();
    const response = await restore({ documents: ["x".repeat(8 * 1024 * 1024)] });
    expect(response.status).toBe(413);
    expect((await problemIn(response)).detail).toContain(`${8 * 1024 * 1024}`);
  });
});

describe("a policy whose text does not parse", () => {
  it("leaves the parameters of the others where they are", async () => {
    toldToOwner("warn");
    const { worker } = await scene(["prices", "stock"]);
    await worker.control.setDocument("prices", "retry(((", 0, "an older version");
    const response = await worker.as("viewer", "/v1/parameters");
    const { parameters } = await response.json<{ parameters: { path: string }[] }>();
    expect(parameters.map(({ path }) => path)).toContain("stock/retry.attempts");
    expect(parameters.filter(({ path }) => path.startsWith("prices/"))).toEqual([]);
    expect((await worker.command("viewer", "parameter.list")).status).toBe(403);
    expect((await worker.command("admin", "parameter.list")).status).toBe(200);
  });
});

describe("a route whose name and its upstream's are as long as they may be", () => {
  it("is among what commands change, files hold and the observer knows", async () => {
    const upstream = "u".repeat(63);
    const route = {
      name: "r".repeat(63),
      path: "/x",
      policy: "circuitBreaker + timeout(1s) + circuitBreaker",
    };
    const { worker, restore } = await scene([upstream], { routes: [route] });
    const name = `${upstream}.${route.name}`;
    expect((await worker.command("admin", "policy.get", { name })).status).toBe(200);
    expect((await worker.command("admin", "state", { name })).status).toBe(200);
    await worker.command("admin", "policy.set", { name, version: 0, text: "retry(2) + circuitBreaker" });
    const path = `${name}/retry.attempts`;
    expect((await worker.command("admin", "parameter.write", { path, value: 3 })).status).toBe(200);
    const { value } = await (await worker.command("admin", "control.snapshot")).json<{ value: object }>();
    expect(await (await restore(value)).json()).toMatchObject({ value: { restored: 1, skipped: [] } });
    const event = { type: "request.succeeded", policy: name, at: Date.now(), duration: 5, attempts: 1 };
    const batch = { version: 1, source: { id: "abcdef", kind: "page" }, sentAt: Date.now(), dropped: 0 };
    const headers = { authorization: `Bearer ${ingestKey}` };
    const body = JSON.stringify({ ...batch, events: [event] });
    const taken = await worker.fetch("/v1/events", { method: "POST", headers, body });
    expect(await taken.json()).toEqual({ accepted: 1, rejected: [] });
  });
});
