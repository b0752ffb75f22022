import { describe, expect, it } from "vitest";
import { followedRedirects } from "./hostile-cases.ts";
import { testWorker } from "./test-worker.ts";

const to = (location: string, status = 302) => new Response(null, { status, headers: { location } });

/** A gateway whose origin answers by path. */
async function stage(
  answers: Readonly<Record<string, () => Response>>,
  options: object = { redirects: "follow" },
) {
  const worker = await testWorker({
    upstreams: { prices: { service: "ORIGIN", path: "/v2", policy: "identity", ...options } },
    origin: ({ url }) => answers[new URL(url).pathname]?.() ?? new Response("nothing", { status: 404 }),
  });
  const get = (path: string, init?: RequestInit) =>
    worker.fetch(`/gateway/prices${path}`, { redirect: "manual", ...init });
  const paths = () => worker.seen.map(({ url }) => new URL(url).pathname + new URL(url).search);
  return { ...worker, get, paths };
}

describe("redirects at the gateway", () => {
  it.each([301, 302, 303, 307, 308])("of %i are followed within the upstream", async (status) => {
    const { get, paths } = await stage({
      "/v2/old": () => to("new?x=1", status),
      "/v2/new": () => to("/v2/newest", status),
      "/v2/newest": () => new Response("here"),
    });
    const response = await get("/old");
    expect([response.status, await response.text()]).toEqual([200, "here"]);
    expect(paths()).toEqual(["/v2/old", "/v2/new?x=1", "/v2/newest"]);
  });

  it.each(followedRedirects)("to %s go to the caller, and nowhere else", async (location) => {
    const { get, paths } = await stage({ "/v2/old": () => to(location) });
    const response = await get("/old");
    expect([response.status, response.headers.get("location")]).toEqual([302, location]);
    expect(paths()).toEqual(["/v2/old"]);
  });

  it("that go round in circles end after five", async () => {
    const { get, paths } = await stage({ "/v2/a": () => to("/v2/b"), "/v2/b": () => to("/v2/a") });
    const response = await get("/a");
    expect([response.status, response.headers.get("location")]).toEqual([302, "/v2/a"]);
    expect(paths()).toHaveLength(6);
  });

  it("of other methods, and by default of all, go to the caller", async () => {
    const answers = { "/v2/old": () => to("/v2/new", 307), "/v2/new": () => new Response("here") };
    const { get, paths } = await stage(answers);
    expect((await get("/old", { method: "POST", body: "x" })).status).toBe(307);
    expect((await get("/old", { method: "DELETE" })).status).toBe(307);
    expect(paths()).toEqual(["/v2/old", "/v2/old"]);
    const plain = await stage(answers, {});
    expect((await plain.get("/old")).status).toBe(307);
  });
});

describe("Max-Forwards at the gateway", () => {
  it("ends OPTIONS here, or one hop further", async () => {
    const { get, seen } = await stage({ "/v2/a": () => new Response(null, { status: 204 }) });
    const ended = await get("/a", { method: "OPTIONS", headers: { "max-forwards": "0" } });
    expect([ended.status, ended.headers.get("via"), seen.length]).toEqual([204, "1.1 ninelives", 0]);
    await get("/a", { method: "OPTIONS", headers: { "max-forwards": "3" } });
    expect(seen[0]?.headers.get("max-forwards")).toBe("2");
    await get("/a", { method: "OPTIONS", headers: { "max-forwards": "many" } });
    await get("/a", { headers: { "max-forwards": "0" } });
    expect(seen.slice(1).map(({ headers }) => headers.get("max-forwards"))).toEqual(["many", "0"]);
  });
});
