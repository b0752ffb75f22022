import type { PolicyEvent } from "ninelives";
import {
  type CircuitReport,
  type DocumentReport,
  isAbsent,
  type LiveMessage,
  type ObservedEvent,
  Observer,
  type PolicyState,
  type SystemState,
  shardOf,
} from "ninelives/observer";
import { describe, expect, it, vi } from "vitest";
import { exits } from "../../../src/cli/cli-error.ts";
import { Feed, problem, Stage } from "./stage.ts";

const state = new Observer(0).getSystemState(0);

const event = (at: number, fields: Partial<PolicyEvent> = {}): ObservedEvent =>
  ({
    type: "circuit.opened",
    policy: "prices",
    at,
    source: "worker a01b",
    circuit: "prices",
    ...fields,
  }) as ObservedEvent;

const snapshot = (place: string, events: readonly ObservedEvent[]): LiveMessage => ({
  type: "snapshot",
  place,
  state,
  events,
});

const delta = (
  place: string,
  events: readonly ObservedEvent[],
  skipped = 0,
  policies: readonly PolicyState[] = [],
): LiveMessage => ({
  type: "delta",
  place,
  at: 1_000,
  totals: { events: 9, dropped: 0 },
  policies,
  events,
  skipped,
});

/** A server whose streams a test feeds, one after the other. */
function streaming(options?: ConstructorParameters<typeof Stage>[1]) {
  const feeds: Feed[] = [];
  const stage = new Stage((_, signal) => {
    const feed = new Feed(signal);
    feeds.push(feed);
    return feed.response;
  }, options);
  const feed = async (index: number): Promise<Feed> => {
    await vi.waitFor(async () => {
      await stage.clock.advance(100);
      expect(feeds.length).toBeGreaterThan(index);
    });
    return feeds[index] as Feed;
  };
  const shown = (text: string) =>
    vi.waitFor(() => expect(stage.out + stage.err).toContain(text), { timeout: 4_000 });
  return { stage, feed, shown };
}

describe("events tail", () => {
  it("shows the last events, then others as they come, in lines", async () => {
    const { stage, feed, shown } = streaming();
    const ends = stage.run("events", "tail", "--last", "1");
    const first = await feed(0);
    first.tell(snapshot("a", [event(1), event(2)]));
    first.tell(delta("b", [event(3, { type: "circuit.closed", openFor: 12.3456 })]));
    await shown("circuit.closed");
    stage.interrupt();
    expect(await ends).toBe(exits.done);
    expect(stage.out).toBe(
      "00:00:00.002Z prices       circuit.opened       circuit=prices worker a01b\n" +
        "00:00:00.003Z prices       circuit.closed       circuit=prices openFor=12.35 worker a01b\n",
    );
    expect(stage.err).toBe("");
    expect(stage.asked[0]?.headers.get("accept")).toBe("text/event-stream");
  });

  it("tells of calls through circuits in words", async () => {
    const { stage, feed } = streaming();
    const ends = stage.run("events", "tail", "--no-follow");
    const call = (circuit: string) => ({ circuit, state: "closed", result: "success" }) as const;
    const circuits = [call("reviews"), call("reviews.2")];
    (await feed(0)).tell(
      snapshot("a", [
        {
          type: "request.succeeded",
          policy: "reviews",
          at: 1,
          source: "x",
          duration: 3,
          attempts: 1,
          circuits,
        },
      ]),
    );
    await ends;
    expect(stage.out).toContain(" circuits=reviews(closed,success),reviews.2(closed,success) ");
  });

  it("reads a message that comes in pieces, with lines of any kind", async () => {
    const { stage, feed, shown } = streaming();
    const ends = stage.run("events", "tail", "--json");
    const first = await feed(0);
    const text = JSON.stringify(snapshot("a", [event(1, { key: "é" })]));
    first.say(`: hello\r\n\r\nid: a\r\nda`);
    first.say(`ta: ${text.slice(0, 50)}`);
    first.say(`${text.slice(50)}\r\n\r\n`);
    await shown('"key":"é"');
    stage.interrupt();
    await ends;
    expect(JSON.parse(stage.out)).toEqual(event(1, { key: "é" }));
  });

  it.each([
    [
      ["--policy", "pri*"],
      [1, 2, 4, 5],
    ],
    [
      ["--policy", "pri*", "--policy", "stock"],
      [1, 2, 3, 4, 5],
    ],
    [
      ["--type", "circuit.*"],
      [1, 3],
    ],
    [["--type", "circuit.*", "--policy", "stock"], [3]],
    [["--source", "page*"], [4]],
    [
      ["--level", "warn"],
      [1, 3, 5],
    ],
    [["--type", "circuit"], []],
    [
      ["--last", "2"],
      [4, 5],
    ],
    [["--last", "0"], []],
  ])("%j shows %j", async (filter, expected) => {
    const { stage, feed } = streaming();
    const ends = stage.run("events", "tail", "--json", "--no-follow", ...filter);
    (await feed(0)).tell(
      snapshot("a", [
        event(1),
        event(2, { type: "request.succeeded" }),
        event(3, { policy: "stock" }),
        { ...event(4, { type: "hedge.won" }), source: "page 3f9c" },
        event(5, { type: "retry.exhausted" }),
      ]),
    );
    expect(await ends).toBe(exits.done);
    const shown =
      stage.out === ""
        ? []
        : stage.out
            .trim()
            .split("\n")
            .map((line) => JSON.parse(line).at);
    expect(shown).toEqual(expected);
  });

  it("goes on where it was when the stream breaks off, and shows nothing twice", async () => {
    const { stage, feed, shown } = streaming();
    const ends = stage.run("events", "tail", "--json");
    const first = await feed(0);
    first.tell(snapshot("a", [event(1)]));
    first.tell(delta("b", [event(2)]));
    await shown('"at":2');
    first.cut();
    const second = await feed(1);
    expect(stage.asked[1]?.headers.get("last-event-id")).toBe("b");
    second.tell(delta("c", [event(3)], 2));
    await shown('"at":3');
    second.cut();
    const third = await feed(2);
    // The observer was restarted and knows no place any more.
    third.tell(snapshot("x", [event(2), event(3), event(4)]));
    await shown('"at":4');
    third.cut();
    (await feed(3)).tell(snapshot("y", [event(8), event(9)]));
    await shown('"at":9');
    stage.interrupt();
    expect(await ends).toBe(exits.done);
    expect(
      stage.out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).at),
    ).toEqual([1, 2, 3, 4, 8, 9]);
    expect(stage.err).toContain("the stream broke off\nthe stream is back\n2 or more events are not shown");
    expect(stage.err).toContain("1 or more events are not shown");
  });

  it("opens a stream anew that says nothing for 45 seconds", async () => {
    const { stage, feed, shown } = streaming();
    const ends = stage.run("events", "tail", "--json");
    (await feed(0)).tell(snapshot("a", [event(1)]));
    await shown('"at":1');
    await stage.clock.advance(45_000);
    (await feed(1)).tell(delta("b", [event(2)]));
    await shown('"at":2');
    stage.interrupt();
    await ends;
  });

  it("ends after --for, and closes the stream", async () => {
    const { stage, feed, shown } = streaming();
    const ends = stage.run("events", "tail", "--json", "--for", "30s");
    (await feed(0)).tell(snapshot("a", [event(1)]));
    await shown('"at":1');
    await stage.clock.advance(30_000);
    expect(await ends).toBe(exits.done);
    expect(stage.clock.pending).toBe(0);
  });

  it("says at once that the first stream cannot be opened, and later that it may not be any more", async () => {
    const denied = new Stage(() => problem(403, "forbidden", "bob may not look"));
    expect(await denied.run("events", "tail")).toBe(exits.denied);
    let streams = 0;
    const feed = new Feed();
    const later = new Stage(() =>
      streams++ === 0 ? feed.response : problem(401, "unauthenticated", "this needs a token"),
    );
    const ends = later.runOn("events", "tail");
    feed.tell(snapshot("a", []));
    feed.cut();
    expect(await ends).toBe(exits.denied);
    expect(later.err).toContain("this needs a token");
  });
});

describe("top", () => {
  const watched = new Observer(0);
  watched.fold(
    {
      source: { id: "abcdef", kind: "worker" },
      sentAt: 1_000,
      dropped: 0,
      events: [
        ...[12, 15, 18].map((duration) => ({
          type: "request.succeeded" as const,
          policy: "prices",
          at: 900,
          duration,
          attempts: 1,
        })),
        { type: "request.failed", policy: "stock", at: 900, duration: 1_500, attempts: 3, kind: "timeout" },
        {
          type: "circuit.opened",
          policy: "stock",
          at: 950,
          circuit: "stock",
          from: "closed",
          failureRate: 1,
          reason: "failures",
          openFor: 30_000,
        },
      ],
    },
    1_000,
  );
  const seen = watched.getSystemState(10_000);
  const told = { type: "snapshot", place: "a", state: seen, events: [] } as const;

  it("is one picture in a pipe", async () => {
    const { stage, feed } = streaming();
    const ends = stage.run("top");
    (await feed(0)).tell(told);
    expect(await ends).toBe(exits.done);
    const [head, , columns, first, second] = stage.out.split("\n");
    expect(head).toContain("25% failed, 1 circuit not closed");
    expect(columns).toMatch(/^POLICY +RATE +FAILED +P50 +P99 +SENT +SHED +CIRCUITS +2 MIN$/);
    expect(first).toMatch(/^prices +[\d.]+\/s +0% +15 ms +18 ms +1\.00x +0 +– /);
    expect(second).toMatch(/^stock +[\d.]+\/s +100% +1\.[45]\d? s +1\.[45]\d? s +3\.00x +0 +open /);
    expect(stage.out).not.toContain("\u001b");
  });

  it("says who has which version of a document, and who refuses one, and why", async () => {
    const { stage, feed } = streaming();
    const ends = stage.run("top");
    const refusal = (version: number, reason = "line 1: no chaos") => ({
      source: "node 7c1e",
      version,
      reason,
      at: 0,
    });
    const documents: Record<string, DocumentReport> = {
      a: { version: 8, followers: 4, current: 3, refused: [refusal(9)] },
      b: { version: 2, followers: 9, current: 4, refused: Array(5).fill(refusal(3)) },
      // As an older observer tells.
      c: { version: null, followers: 2, refused: [refusal(2, "none \u001b[2J"), refusal(1)] },
      d: { version: 1, followers: 2, current: 1, refused: [refusal(2)] },
      e: { version: 5, followers: 2, current: 2, refused: [] },
    };
    const policies = [..."abcdef"].map((policy) => ({
      ...(seen.policies[0] as PolicyState),
      policy,
      ...(documents[policy] && { document: documents[policy] }),
    }));
    (await feed(0)).tell({ ...told, state: { ...seen, policies } });
    expect(await ends).toBe(exits.done);
    const [, ...lines] = stage.out.split("\n");
    expect(lines.slice(0, 5)).toEqual([
      "a: version 8 is in force with 3 of 4, 1 refuses version 9: line 1: no chaos",
      "b: version 2 is in force with 4 of 9, 5 or more refuse version 3: line 1: no chaos",
      "c: no version is known to be in force, 2 refuse a version, the last of them 2: none \ufffd[2J",
      "documents of 1 more are refused: ninelives policies followers",
      "",
    ]);
    const cells = lines.slice(5).map((line) => /closed|– {2}/.test(line) && line.split(/ {2,}/).at(8));
    expect(lines[5]).toMatch(/CIRCUITS +VERSION +2 MIN$/);
    expect(cells.slice(1, 7)).toEqual(["8", "2", "–", "1", "5", "–"]);
  });

  it("shows as unknown what a shard of the observer would know that does not answer, until it does", async () => {
    const { stage, feed, shown } = streaming();
    const ends = stage.run("top", "--json");
    const absent = { shards: [shardOf("stock", 4)], of: 4 };
    expect(isAbsent("prices", absent)).toBe(false);
    const first = await feed(0);
    first.tell(told);
    const away = { ...(delta("b", []) as Extract<LiveMessage, { type: "delta" }>), absent };
    first.tell(away);
    first.tell(delta("c", []));
    await shown('"at":1000,');
    first.tell({ ...away, at: 2_000 });
    await shown('"at":2000,');
    stage.interrupt();
    await ends;
    const states = stage.out
      .trim()
      .split("\n")
      .map((line): SystemState => JSON.parse(line));
    expect(states.map((state) => [state.policies.map(({ policy }) => policy), state.absent])).toEqual([
      [["prices", "stock"], undefined],
      [["prices"], absent],
      [["prices", "stock"], undefined],
      [["prices"], absent],
    ]);
  });

  it("says in words how many shards of the observer do not answer, and keeps the policies that they told of", async () => {
    const { stage, feed, shown } = streaming({ terminal: true, columns: 120, env: { NO_COLOR: "1" } });
    const ends = stage.run("top");
    const absent = { shards: [shardOf("stock", 4)], of: 4 };
    const first = await feed(0);
    first.tell(told);
    await shown("1 circuit not closed");
    stage.out = "";
    const policies = seen.policies.filter(({ policy }) => policy !== "stock");
    first.tell({ ...told, state: { ...seen, policies, absent } });
    await shown("1 of 4 shards of the observer does not answer: its policies are unknown");
    const [head, , , , prices, stock] = stage.out.replaceAll("\u001b[K", "").split("\r\n");
    expect(head).toMatch(
      /last 1m: ≥ [\d.]+\/s, – failed, all known circuits closed \(≥ 5 events, ≥ 0 lost\)$/,
    );
    expect(prices).toMatch(/^prices +[\d.]+\/s/);
    expect(stock?.split(/ +/)).toEqual(["stock", ...Array(6).fill("–"), "unknown"]);
    stage.press("q");
    await ends;
  });

  it("forgets a policy that made room for others", async () => {
    const { stage, feed, shown } = streaming();
    const ends = stage.run("top", "--json");
    const first = await feed(0);
    first.tell(told);
    first.tell({ ...delta("b", []), forgotten: ["stock"] } as LiveMessage);
    await shown('"at":1000,');
    stage.interrupt();
    await ends;
    const states = stage.out
      .trim()
      .split("\n")
      .map((line): SystemState => JSON.parse(line));
    expect(states.map(({ policies }) => policies.map(({ policy }) => policy))).toEqual([
      ["prices", "stock"],
      ["prices"],
    ]);
  });

  it("shows what nobody told of within the window as unknown, and not as nothing", async () => {
    const { stage, feed } = streaming();
    const ends = stage.run("top");
    // As a shard tells that has seen nothing since.
    const later = { ...watched.getSystemState(80_000), at: 80_000 };
    (await feed(0)).tell({ ...told, state: later });
    expect(await ends).toBe(exits.done);
    const [head, , , first] = stage.out.split("\n");
    expect(head).toContain("last 1m: 0/s, – failed");
    expect(first).toMatch(/^prices +– +– +– +– +– +– +– /);
    const wider = stage.run("top", "--window", "5m");
    (await feed(1)).tell({ ...told, state: later });
    await wider;
    expect(stage.out.split("\n").find((line) => /^prices +[\d.]+\/s +0% /.test(line))).toBeDefined();
  });

  it("sorts by another column", async () => {
    const { stage, feed } = streaming();
    const ends = stage.run("top", "--sort", "p99", "--once");
    (await feed(0)).tell(told);
    await ends;
    expect(stage.out.indexOf("stock")).toBeLessThan(stage.out.indexOf("prices"));
  });

  it("says the state to programs with each message, until Ctrl-C", async () => {
    const { stage, feed, shown } = streaming();
    const ends = stage.run("top", "--json");
    const first = await feed(0);
    first.tell(told);
    first.tell(delta("b", [], 0, seen.policies.slice(0, 1)));
    await shown('"at":1000,');
    stage.interrupt();
    expect(await ends).toBe(exits.done);
    const states = stage.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(states.map(({ at, policies }) => [at, policies.length])).toEqual([
      [10_000, 2],
      [1_000, 2],
    ]);
  });

  it("redraws itself at a terminal, listens to keys, and leaves the screen as it was", async () => {
    const { stage, feed, shown } = streaming({ terminal: true, env: { NO_COLOR: "1" } });
    const ends = stage.run("top");
    const first = await feed(0);
    expect(stage.out).toBe("\u001b[?1049h\u001b[?25l");
    first.tell(told);
    await shown("last 1m:");
    stage.press("w");
    await shown("last 5m:");
    const before = stage.out.length;
    stage.press("s");
    const frame = stage.out.slice(before);
    expect(frame.startsWith("\u001b[H")).toBe(true);
    expect(frame.endsWith("\u001b[J")).toBe(true);
    expect(frame.indexOf("stock")).toBeLessThan(frame.indexOf("prices"));
    first.cut();
    await shown("the stream broke off");
    stage.press("q");
    expect(await ends).toBe(exits.done);
    expect(stage.out.endsWith("\u001b[?25h\u001b[?1049l")).toBe(true);
    expect(stage.press("w")).toBe(false);
    expect(stage.clock.pending).toBe(0);
  });

  it("leaves the screen as it was at Ctrl-C, too, and when it may not look", async () => {
    const { stage, feed, shown } = streaming({ terminal: true });
    const ends = stage.run("top");
    (await feed(0)).tell(told);
    await shown("last 1m:");
    stage.interrupt();
    expect(await ends).toBe(exits.done);
    expect(stage.out.endsWith("\u001b[?25h\u001b[?1049l")).toBe(true);
    const denied = new Stage(() => problem(401, "unauthenticated", "no"), { terminal: true });
    expect(await denied.run("top")).toBe(exits.denied);
    expect(denied.out).toBe("\u001b[?1049h\u001b[?25l\u001b[?25h\u001b[?1049l");
  });

  it("names the circuit of a member, and does not count one that nobody tells of any more", async () => {
    const [prices, stock] = seen.policies as [PolicyState, PolicyState];
    const [open] = stock.circuits as [CircuitReport];
    const of = (policy: string, ...circuits: Partial<CircuitReport>[]): PolicyState => ({
      ...prices,
      policy,
      circuits: circuits.map((more) => ({ ...open, circuit: policy, ...more })),
    });
    const gone = of("c", { state: "half-open", until: null, heardAt: 0 });
    const policies = [
      of("a", { circuit: "a.canary", state: "forced-open", heardAt: 0 }),
      of("b", { state: "closed" }, { circuit: "b.canary", state: "closed" }),
      gone,
      of("d", { circuit: "d.canary", state: "closed" }),
      of(
        "e",
        { circuit: "e.2", state: "half-open", heardAt: 60_000 },
        { circuit: "e.canary", until: 90_000 },
      ),
    ];
    const shown = async (policies: readonly PolicyState[]) => {
      const { stage, feed } = streaming({ columns: 200 });
      const ends = stage.run("top", "--sort", "name");
      (await feed(0)).tell({ type: "snapshot", state: { ...seen, at: 60_001, policies }, events: [] });
      await ends;
      const [head, , , ...rows] = stage.out.trimEnd().split("\n");
      return { head, cells: rows.map((row) => row.split(/ {2,}/)[7]) };
    };
    const { head, cells } = await shown(policies);
    expect(head).toContain(", 3 circuits not closed");
    expect(cells).toEqual(["canary forced-open", "closed", "was half-open", "–", "half-open"]);
    expect((await shown([gone])).head).toContain(", all known circuits closed");
  });

  it("cuts what a screen does not hold", async () => {
    const { stage, feed } = streaming({ terminal: true, columns: 40, env: { NO_COLOR: "1" } });
    const ends = stage.run("top", "--once");
    (await feed(0)).tell(told);
    await ends;
    for (const line of stage.out.split("\n")) expect([...line].length).toBeLessThanOrEqual(40);
  });
});
