import { describe, expect, it, onTestFinished, vi } from "vitest";
import { gatewayOf } from "../../workers/gateway.ts";
import { testWorker, toldToOwner } from "./test-worker.ts";

type Srv = readonly [priority: number, weight: number, port: number, host: string];

/** As the resolvers of Cloudflare and Google answer a question for SRV records. */
const answered = (records: readonly Srv[], ttl = 1) => ({
  Status: 0,
  TC: false,
  RD: true,
  RA: true,
  AD: false,
  CD: false,
  Question: [{ name: "_https._tcp.prices.example.com", type: 33 }],
  Answer: records.map((record) => ({
    name: "_https._tcp.prices.example.com",
    type: 33,
    TTL: ttl,
    data: `${record.join(" ")}.`,
  })),
});
const unknown = { Status: 3, TC: false, RD: true, RA: true, AD: false, CD: false, Answer: undefined };

/** A gateway that finds its replicas by DNS, with the internet played by the test. */
async function discovered(first: object, more: object = {}) {
  const internet = {
    dns: first,
    questions: [] as URL[],
    seen: [] as string[],
    down: new Set<string>(),
  };
  const played = vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const url = new URL(String(input));
    if (url.hostname === "dns.test") {
      internet.questions.push(url);
      expect(new Headers(init?.headers).get("accept")).toBe("application/dns-json");
      return Response.json(internet.dns, { headers: { "content-type": "application/dns-json" } });
    }
    internet.seen.push(url.href);
    return new Response(url.host, { status: internet.down.has(url.host) ? 500 : 200 });
  });
  onTestFinished(() => played.mockRestore());
  const { env, fetch } = await testWorker({
    upstreams: {
      prices: {
        discover: {
          dns: "_https._tcp.prices.example.com",
          resolver: "https://dns.test/dns-query",
          least: "1s",
        },
        policy: "retry(2, backoff: constant(1ms))",
        ...more,
      },
    },
  });
  const ask = async () => {
    const response = await fetch("/gateway/prices/today?x=1");
    return [response.status, response.headers.get("x-ninelives-member")];
  };
  return { internet, ask, fetch, env };
}

describe("a gateway whose replicas are found by DNS", () => {
  it("asks the resolver once, and sends by priority to hosts of the domain alone", async () => {
    const { internet, ask } = await discovered(
      answered(
        [
          [10, 5, 8443, "a.prices.example.com"],
          [20, 5, 443, "b.prices.example.com"],
          [0, 5, 443, "evil.test"],
          [0, 5, 443, "169.254.169.254"],
          [0, 5, 443, "localhost"],
        ],
        300,
      ),
    );
    for (let call = 0; call < 3; call++) expect(await ask()).toEqual([200, "a.prices.example.com:8443"]);
    expect(internet.questions.map(({ search }) => search)).toEqual([
      "?name=_https._tcp.prices.example.com&type=SRV",
    ]);
    expect(new Set(internet.seen)).toEqual(new Set(["https://a.prices.example.com:8443/today?x=1"]));
    // Of the next priority when none of that is well.
    internet.down.add("a.prices.example.com:8443");
    expect(await ask()).toEqual([200, "b.prices.example.com:443"]);
  });

  it("follows an answer when its time is over, and keeps it when the next one is none", async () => {
    const { internet, ask } = await discovered(answered([[0, 1, 443, "a.prices.example.com"]]));
    expect(await ask()).toEqual([200, "a.prices.example.com:443"]);
    internet.dns = answered([[0, 1, 443, "b.prices.example.com"]]);
    await vi.waitFor(async () => expect(await ask()).toEqual([200, "b.prices.example.com:443"]), 10_000);
    internet.dns = unknown;
    const before = internet.questions.length;
    await vi.waitFor(async () => {
      expect(await ask()).toEqual([200, "b.prices.example.com:443"]);
      expect(internet.questions.length).toBeGreaterThan(before);
    }, 20_000);
  });

  it("answers 502 as long as nobody was found, and goes on as soon as somebody is", async () => {
    toldToOwner("warn");
    const { internet, ask } = await discovered(unknown, { policy: "identity" });
    expect(await ask()).toEqual([502, null]);
    internet.dns = answered([[0, 1, 443, "a.prices.example.com"]]);
    await vi.waitFor(async () => expect(await ask()).toEqual([200, "a.prices.example.com:443"]), 10_000);
  });

  it("knows the health of those that it found", async () => {
    const records: Srv[] = [
      [0, 1, 443, "a.prices.example.com"],
      [0, 1, 443, "b.prices.example.com"],
    ];
    const { internet, ask, env } = await discovered(answered(records, 300), {
      group: { consecutiveFailures: 2 },
    });
    internet.down.add("a.prices.example.com");
    for (let call = 0; call < 30; call++) expect((await ask())[0]).toBe(200);
    const states = gatewayOf(env).upstreams.get("prices")?.destination.group?.state(performance.now());
    expect(states?.map(({ name, state }) => [name, state])).toEqual([
      ["a.prices.example.com:443", "ejected"],
      ["b.prices.example.com:443", "in"],
    ]);
  });
});
