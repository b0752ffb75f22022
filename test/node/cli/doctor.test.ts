import { Observer } from "ninelives/observer";
import { ManualClock } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { exits } from "../../../src/cli/cli-error.ts";
import { version } from "../../../src/control/version.ts";
import { type Asked, Feed, json, problem, Stage } from "./stage.ts";

type Paths = Readonly<Record<string, (asked: Asked, signal: AbortSignal | undefined) => Response>>;

const now = new ManualClock().wall();
const state = new Observer(now).getSystemState(now);
const refusal = { source: "node 7c1e", version: 3, reason: "line 1", at: now };
const me = { name: "ann", scopes: ["*"], version, api: "1" };

const well: Paths = {
  "/healthz": () => json({ status: "ok", upstreams: 2 }),
  "/v1/whoami": () => json(me),
  "/v1/state": () => json(state),
  "/v1/commands/state": () => json({ value: [{ policy: "a", circuit: "a", state: "closed", epoch: 0 }] }),
  "/v1/live": (_, signal) => {
    const feed = new Feed(signal);
    feed.tell({ type: "snapshot", place: "a", state, events: [] });
    return feed.response;
  },
  "/v1/events": () => new Response('{"accepted":0}', { status: 202 }),
};

/** What the doctor finds at a server that is well but for this. */
async function findings(sick: Paths, env: Readonly<Record<string, string | undefined>> = {}) {
  const stage = new Stage(
    (asked, signal) =>
      ({ ...well, ...sick })[asked.path]?.(asked, signal) ?? problem(404, "not-found", "there is nothing"),
    { env: { NINELIVES_INGEST_KEY: "k1", ...env } },
  );
  const exit = await stage.runOn("doctor", "--json");
  const found = stage.out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter(({ result }) => result !== "ok");
  return { exit, found, stage };
}

describe("doctor", () => {
  it("finds nothing where all is well", async () => {
    const { exit, found, stage } = await findings({});
    expect(found).toEqual([]);
    expect(exit).toBe(exits.done);
    const batch = stage.asked.find(({ path }) => path === "/v1/events");
    expect(batch?.headers.get("authorization")).toBe("Bearer k1");
    expect(batch?.body).toMatchObject({ events: [] });
    expect(stage.clock.pending).toBe(0);
  });

  it.each<[string, Paths]>([
    ["all is well", {}],
    ["it works, 1 warning to look at", { "/v1/state": () => json({ ...state, dropped: 7 }) }],
    ["1 check failed", { "/v1/events": () => problem(401, "unauthenticated", "no") }],
    [
      "2 checks failed, 1 warning to look at",
      {
        "/v1/state": () => json({ ...state, dropped: 7 }),
        "/v1/events": () => problem(401, "unauthenticated", "no"),
        "/v1/commands/state": () => problem(500, "internal", "no"),
      },
    ],
  ])("says last: %s", async (last, sick) => {
    const { stage } = await findings(sick);
    stage.out = "";
    await stage.runOn("doctor");
    expect(stage.out.trimEnd().split("\n").at(-1)).toBe(last);
  });

  const forbidden = () => problem(403, "forbidden", "bob may not look");
  const broken = () => problem(500, "internal", "something went wrong");
  const skew = (at: number) => () => json({ ...state, at });

  it.each<[string, Paths, Record<string, string | undefined>, string, string, RegExp]>([
    ["a configuration that is wrong", { "/healthz": broken }, {}, "server", "failed", /something went wrong/],
    [
      "a token that is not known",
      { "/v1/whoami": () => problem(401, "unauthenticated", "no") },
      {},
      "token",
      "failed",
      /no/,
    ],
    ["no token", {}, { NINELIVES_TOKEN: undefined }, "token", "warning", /none is given/],
    [
      "a token without scopes",
      { "/v1/whoami": () => json({ ...me, scopes: [] }) },
      {},
      "token",
      "warning",
      /without a scope/,
    ],
    [
      "an older server",
      { "/v1/whoami": () => json({ ...me, version: "0.0.1" }) },
      {},
      "version",
      "warning",
      /the server has 0\.0\.1/,
    ],
    [
      "another API",
      { "/v1/whoami": () => json({ ...me, api: "2" }) },
      {},
      "version",
      "failed",
      /version 2 of the API/,
    ],
    [
      "a clock that is ahead",
      { "/v1/state": skew(now + 90_000) },
      {},
      "clock",
      "warning",
      /1m 30s ahead of this one/,
    ],
    [
      "a clock that is behind",
      { "/v1/state": skew(now - 6_000) },
      {},
      "clock",
      "warning",
      /6s behind this one/,
    ],
    [
      "lost events",
      { "/v1/state": () => json({ ...state, dropped: 7 }) },
      {},
      "observer",
      "warning",
      /7 were lost/,
    ],
    [
      "a shard that does not answer",
      { "/v1/state": () => json({ ...state, absent: { shards: [2], of: 4 } }) },
      {},
      "observer",
      "warning",
      /without what 1 of 4 shards know/,
    ],
    ["an observer that fails", { "/v1/state": broken }, {}, "observer", "failed", /something went wrong/],
    [
      "an observer that one may not see",
      { "/v1/state": forbidden },
      {},
      "observer",
      "skipped",
      /may not look/,
    ],
    [
      "a document that is refused",
      {
        "/v1/state": () =>
          json({
            ...state,
            policies: [
              { policy: "prices", document: { version: 2, followers: 4, current: 3, refused: [refusal] } },
              { policy: "stock", document: { version: 4, followers: 4, current: 3, refused: [refusal] } },
              { policy: "silent" },
            ],
          }),
      },
      {},
      "documents",
      "warning",
      /: prices$/,
    ],
    [
      "alerts",
      { "/v1/state": () => json({ ...state, alerts: [{ name: "slow", state: "firing" }] }) },
      {},
      "alerts",
      "warning",
      /slow/,
    ],
    [
      "a circuit that is open",
      { "/v1/commands/state": () => json({ value: [{ state: "open" }] }) },
      {},
      "store",
      "warning",
      /1 of them not closed/,
    ],
    ["a store that fails", { "/v1/commands/state": broken }, {}, "store", "failed", /something went wrong/],
    [
      "a stream that is refused",
      { "/v1/live": () => problem(503, "too-many-viewers", "there is no room") },
      {},
      "live",
      "failed",
      /no room/,
    ],
    [
      "a stream that is held back",
      { "/v1/live": (_, signal) => new Feed(signal).response },
      {},
      "live",
      "failed",
      /nothing comes within 10 s/,
    ],
    [
      "an ingest key that is not known",
      { "/v1/events": () => problem(401, "unauthenticated", "no such key") },
      {},
      "ingest",
      "failed",
      /no such key/,
    ],
    ["no ingest key", {}, { NINELIVES_INGEST_KEY: "" }, "ingest", "skipped", /NINELIVES_INGEST_KEY/],
    [
      "a token that goes unencrypted",
      {},
      { NINELIVES_URL: "http://edge.test" },
      "transport",
      "failed",
      /not encrypted/,
    ],
  ])("finds %s", async (_, sick, env, check, result, detail) => {
    const { exit, found } = await findings(sick, env);
    const finding = found.find((each) => each.check === check);
    expect(finding).toMatchObject({ result, detail: expect.stringMatching(detail) });
    // Who is told that something is wrong is told what to do.
    expect(typeof finding.fix).toBe(result === "skipped" ? "undefined" : "string");
    expect(exit).toBe(found.some((each) => each.result === "failed") ? exits.failed : exits.done);
  });

  it("skips what needs a server where none answers, and says why none does", async () => {
    const stage = new Stage(() => {
      throw new TypeError("fetch failed", { cause: { code: "ENOTFOUND" } });
    });
    expect(await stage.runOn("doctor")).toBe(exits.failed);
    expect(stage.out).toContain("✗ server     https://edge.test cannot be reached: ENOTFOUND");
    expect(stage.out).toContain("  → there is no such host: is the --url right?");
    expect(stage.out.match(/– \w+ +the server cannot be reached/g)?.length).toBeGreaterThan(5);
  });

  it("takes nothing else for a Nine Lives", async () => {
    const { exit, found } = await findings({ "/healthz": () => new Response("<html>") });
    expect(found[0]).toMatchObject({ check: "server", detail: expect.stringContaining("is no Nine Lives") });
    expect(exit).toBe(exits.failed);
  });
});
