import { ManualClock } from "ninelives/testing";
import {
  allowedBy,
  dnsDiscovery,
  type Endpoint,
  foundIn,
  Registry,
  registration,
  registryDiscovery,
  staticDiscovery,
} from "ninelives/upstreams";
import { describe, expect, it } from "vitest";
import { discoveryContract } from "../contracts/discovery.ts";

/** A resolver that answers with SRV records, as `application/dns-json` has them. */
function resolver(first: readonly Endpoint[]) {
  let endpoints = first;
  let fails = false;
  const fetch: typeof globalThis.fetch = async () => {
    if (fails) throw new TypeError("fetch failed");
    const answers = endpoints.map(({ name, weight, priority }) => {
      const [host, port] = name.split(":");
      return {
        name: "_https._tcp.example.com",
        type: 33,
        TTL: 60,
        data: `${priority} ${Math.ceil(weight)} ${port} ${host}.`,
      };
    });
    return Response.json({ Status: 0, Answer: answers });
  };
  return {
    discovery: dnsDiscovery({ name: "_https._tcp.example.com", fetch }),
    clock: new ManualClock(),
    set: (next: readonly Endpoint[]) => {
      endpoints = next;
    },
    fail: (now: boolean) => {
      fails = now;
    },
  };
}

/** The registry's machine behind the wire of the Worker's routes. */
function registered(first: readonly Endpoint[]) {
  const clock = new ManualClock();
  let registry = new Registry();
  let fails = false;
  const day = 86_400_000;
  const set = (endpoints: readonly Endpoint[]) => {
    registry = new Registry();
    for (const each of endpoints) registry.renew({ ...each, ttl: day }, clock.now());
  };
  set(first);
  const fetch: typeof globalThis.fetch = async () =>
    fails
      ? new Response("down", { status: 503 })
      : Response.json({ members: registry.members(clock.now()), holds: registry.holds() });
  return {
    discovery: registryDiscovery({
      url: "https://edge.test",
      service: "prices",
      token: "t",
      origins: ["https://*.example.com"],
      fetch,
    }),
    clock,
    set,
    fail: (now: boolean) => {
      fails = now;
    },
  };
}

const fixed = "what is written down neither changes nor fails";
discoveryContract(
  "staticDiscovery",
  (first) => ({ discovery: staticDiscovery(first), clock: new ManualClock(), set: () => {}, fail: () => {} }),
  { follows: fixed, keeps: fixed },
);
discoveryContract("dnsDiscovery", resolver);
discoveryContract("registryDiscovery", registered);

const context = { signal: new AbortController().signal } as never;

describe("dnsDiscovery", () => {
  const found = async (answer: unknown, options: object = {}, status = 200) => {
    const asked: { url: string; init: RequestInit | undefined }[] = [];
    const fetch: typeof globalThis.fetch = async (url, init) => {
      asked.push({ url: String(url), init });
      return new Response(typeof answer === "string" ? answer : JSON.stringify(answer), { status });
    };
    const discovery = dnsDiscovery({ name: "_https._tcp.prices.example.com", fetch, ...options });
    return { answer: await discovery(undefined, context), asked };
  };
  const srv = (data: string, TTL = 60, type = 33) => ({ name: "x", type, TTL, data });
  const names = async (...data: string[]) =>
    (await found({ Status: 0, Answer: data.map((each) => srv(each)) })).answer.endpoints.map(
      ({ name }) => name,
    );

  it("asks the resolver for SRV records as JSON, and follows no redirect", async () => {
    const { asked } = await found({ Status: 0, Answer: [srv("0 0 443 a.prices.example.com.")] });
    expect(asked[0]?.url).toBe(
      "https://cloudflare-dns.com/dns-query?name=_https._tcp.prices.example.com&type=SRV",
    );
    expect(asked[0]?.init).toMatchObject({ redirect: "manual", headers: { accept: "application/dns-json" } });
  });

  it("takes priorities and weights as RFC 2782 has them", async () => {
    const { answer } = await found({
      Status: 0,
      Answer: [
        { name: "x", type: 5, TTL: 1, data: "alias.example.com." },
        srv("10 60000 8443 A.prices.example.com."),
        srv("10 30000 8443 b.prices.example.com"),
        srv("20 0 443 c.prices.example.com."),
      ],
    });
    expect(answer.endpoints).toEqual([
      {
        name: "a.prices.example.com:8443",
        url: "https://a.prices.example.com:8443",
        weight: 1_000,
        priority: 10,
      },
      {
        name: "b.prices.example.com:8443",
        url: "https://b.prices.example.com:8443",
        weight: 500,
        priority: 10,
      },
      { name: "c.prices.example.com:443", url: "https://c.prices.example.com:443", weight: 1, priority: 20 },
    ]);
  });

  it("takes weights that are all 0 for equal ones", async () => {
    const { answer } = await found({
      Status: 0,
      Answer: [srv("0 0 1 a.prices.example.com."), srv("0 0 1 b.prices.example.com.")],
    });
    expect(answer.endpoints.map(({ weight }) => weight)).toEqual([1, 1]);
  });

  it.each([
    [60, {}, 60_000],
    [0, {}, 5_000],
    [86_400, {}, 300_000],
    [1, { least: "30s" }, 30_000],
    [600, { most: "1h" }, 600_000],
  ])("holds for a TTL of %i with %j for %i ms", async (ttl, options, holds) => {
    const Answer = [srv("0 0 443 a.prices.example.com.", ttl), srv("0 0 443 b.prices.example.com.", ttl + 9)];
    expect((await found({ Status: 0, Answer }, options)).answer.holds).toBe(holds);
  });

  it("leaves out hosts outside the domain, addresses, and what is no record", async () => {
    expect(
      await names(
        "0 0 443 a.prices.example.com.",
        "0 0 443 prices.example.com.",
        "0 0 443 evil.test.",
        "0 0 443 evilprices.example.com.",
        "0 0 443 prices.example.com.evil.test.",
        "0 0 443 169.254.169.254.",
        "0 0 443 localhost.",
        "0 0 443 [::1].",
        "0 0 443 .",
        "0 0 0 b.prices.example.com.",
        "0 0 70000 b.prices.example.com.",
        "0 0 443 b.prices.example.com/path.",
        "0 0 443 user@b.prices.example.com.",
        "0 0 443 a.prices.example.com.",
        "nonsense",
      ),
    ).toEqual(["a.prices.example.com:443", "prices.example.com:443"]);
  });

  it("takes hosts of another domain where it is told to", async () => {
    const { answer } = await found(
      { Status: 0, Answer: [srv("0 0 80 a.cdn.test.")] },
      { within: "cdn.test", scheme: "http" },
    );
    expect(answer.endpoints[0]?.url).toBe("http://a.cdn.test:80");
  });

  it.each<[unknown, string, number?]>([
    [{ Status: 3 }, "the resolver answered with the status 3"],
    [{ Status: 0 }, "_https._tcp.prices.example.com has no records"],
    [{ Status: 0, Answer: [srv("0 0 443 evil.test.")] }, "names no host within prices.example.com"],
    [{ Status: 0, Answer: "no list" }, "has no records"],
    [null, "status undefined"],
    ["<html>", "the resolver's answer is no JSON"],
    ["no", "the resolver answered 302", 302],
    [`"${"x".repeat(256_001)}"`, "more than 256000 characters"],
  ])("says of %j: %s", async (answer, message, status) => {
    await expect(found(answer, {}, status)).rejects.toThrow(message);
  });

  it.each<[object, string]>([
    [{ name: "prices.example.com" }, "dnsDiscovery: name must be one such as _https._tcp."],
    [{ name: "_https._tcp.localhost" }, "dnsDiscovery: within must be a domain"],
    [
      { name: "_https._tcp.a.test", within: "10.0.0.1" },
      'dnsDiscovery: within must be a domain such as example.com, but is "10.0.0.1"',
    ],
    [{ name: "_https._tcp.a.test", scheme: "ftp" }, "dnsDiscovery: scheme must be one of https, http"],
    [
      { name: "_https._tcp.a.test", resolver: "http://1.1.1.1/" },
      "dnsDiscovery: resolver must be an https URL",
    ],
    [{ name: "_https._tcp.a.test", least: "soon" }, "dnsDiscovery: least must be a duration"],
    [{ name: "_https._tcp.a.test", ttl: 1 }, 'dnsDiscovery has no option "ttl"'],
  ])("refuses %j", (options, message) => {
    expect(() => dnsDiscovery(options as never)).toThrow(message);
  });
});

describe("allowedBy", () => {
  const allowed = allowedBy(["https://a.test", "https://*.b.test", "http://c.test:8080"], "origins");
  it.each([
    ["https://a.test/x", true],
    ["https://a.test:443", true],
    ["https://a.test:8443", false],
    ["http://a.test", false],
    ["https://x.a.test", false],
    ["https://x.b.test", true],
    ["https://x.y.b.test", true],
    ["https://b.test", false],
    ["https://evilb.test", false],
    ["https://x.b.test.evil.test", false],
    ["http://c.test:8080", true],
    ["http://c.test", false],
  ])("%s: %s", (url, expected) => {
    expect(allowed(url)).toBe(expected);
  });

  it.each([
    [[]],
    [["*"]],
    [["https://*"]],
    [["https://*.com"]],
    [["ftp://a.test"]],
    [["https://a.test/path"]],
    [[5]],
    ["https://a.test"],
  ])("refuses %j", (origins) => {
    expect(() => allowedBy(origins as never, "origins")).toThrow("origins must be");
  });
});

describe("registryDiscovery", () => {
  const member = (url: string) => ({ name: url, url, weight: 1, priority: 0 });

  it("leaves out who is registered where no request may go", () => {
    const members = [
      member("https://a.example.com"),
      member("http://169.254.169.254"),
      member("https://evil.test"),
    ];
    const allowed = allowedBy(["https://*.example.com"], "origins");
    expect(foundIn({ members, holds: 5 }, allowed).endpoints.map(({ url }) => url)).toEqual([
      "https://a.example.com",
    ]);
    expect(() => foundIn({ members: members.slice(1), holds: 5 }, allowed)).toThrow("at an allowed origin");
    expect(() => foundIn({ members: [], holds: 5 }, allowed)).toThrow("nobody is registered");
    expect(() => foundIn({ members: [{ name: "a", url: "javascript:1" }], holds: 5 }, allowed)).toThrow(
      "url of a must be",
    );
  });

  it("takes a place, keeps it and gives it up, with its token", async () => {
    const asked: (readonly [string | undefined, string, string | null, unknown])[] = [];
    const place = registration({
      url: "https://edge.test/",
      service: "prices",
      token: "t0ken",
      endpoint: { name: "eu 1", url: "https://eu.example.com/", weight: 2 },
      ttl: "20s",
      fetch: async (url, init) => {
        const body = init?.body == null ? undefined : JSON.parse(String(init.body));
        asked.push([init?.method, String(url), new Headers(init?.headers).get("authorization"), body]);
        return new Response(null, { status: 204 });
      },
    });
    await place.heartbeat();
    await place.leave();
    const body = { url: "https://eu.example.com", weight: 2, priority: 0, ttl: 20_000 };
    expect(asked).toEqual([
      ["PUT", "https://edge.test/v1/registry/prices/eu%201", "Bearer t0ken", body],
      ["DELETE", "https://edge.test/v1/registry/prices/eu%201", "Bearer t0ken", undefined],
    ]);
  });

  it.each<[object, string]>([
    [{ url: "nowhere" }, "registryDiscovery: url must be a URL"],
    [{ service: "../x" }, "registryDiscovery: service must be lower-case letters"],
    [{ token: "" }, "registryDiscovery: token must be a text"],
    [{ origins: [] }, "registryDiscovery: origins must be a list"],
    [{ more: 1 }, 'registryDiscovery has no option "more"'],
  ])("refuses %j", (wrong, message) => {
    const right = { url: "https://edge.test", service: "prices", token: "t", origins: ["https://a.test"] };
    expect(() => registryDiscovery({ ...right, ...wrong })).toThrow(message);
  });
});
