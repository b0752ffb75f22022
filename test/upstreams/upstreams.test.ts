import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "../../src/expression/parse.ts";
import { defaultPolicy, readUpstreams, targetOf, type Upstream } from "../../src/upstreams/index.ts";

const read = (upstreams: object) => readUpstreams(JSON.stringify(upstreams));
const upstream = (options: object) => read({ prices: options }).get("prices") as Upstream;

/** What an upstream has that asks for nothing special. */
const plain = {
  redirects: "pass",
  routes: [],
  group: {},
  discover: undefined,
  priority: undefined,
  members: undefined,
  trace: false,
  staleIfError: undefined,
  check: undefined,
  configured: expect.any(Object),
};

describe("readUpstreams", () => {
  it("reads how one of several is chosen", () => {
    const group = { slowStart: "30s", consecutiveFailures: 3 };
    expect(upstream({ members: [{ service: "A" }], group }).group).toEqual(group);
  });

  it("reads how members are found", () => {
    const dns = upstream({ discover: { dns: "_https._tcp.a.test", least: "10s" }, check: "/healthz" });
    expect(dns).toMatchObject({ discover: { by: "dns", discovery: expect.any(Function) }, url: undefined });
    const registry = upstream({ discover: { registry: "a", origins: ["https://*.a.test"] } }).discover;
    expect(registry).toMatchObject({ by: "registry", service: "a" });
    if (registry?.by === "registry") expect(registry.allowed("https://x.a.test/")).toBe(true);
  });

  it("reads how often the health of members is checked", () => {
    const check = { path: "/healthz", every: "2s" };
    expect(upstream({ members: [{ service: "A" }], check }).check).toEqual({
      path: "/healthz",
      every: 2_000,
    });
  });

  it("reads by which header a request is urgent, and who may say so", () => {
    expect(upstream({ service: "A", priority: {} }).priority).toEqual({ header: "priority", trust: "token" });
    const priority = { header: "X-Urgency", trust: "everybody" };
    expect(upstream({ service: "A", priority }).priority).toEqual(priority);
  });

  it("reads what is configured", () => {
    const policy = "retry(3)";
    const found = read({
      prices: {
        url: "https://api.test/v2/",
        path: "/eu",
        policy,
        quiet: true,
        deadline: { dialect: "grpc" },
      },
      shop: { service: "SHOP" },
    });
    expect([...found.keys()]).toEqual(["prices", "shop"]);
    expect(found.get("prices")).toEqual({
      name: "prices",
      url: new URL("https://api.test/v2/"),
      service: undefined,
      path: "/eu",
      policy,
      quiet: true,
      deadline: { dialect: "grpc", ceiling: "30s", least: "1s" },
      ...plain,
    });
    expect(found.get("shop")).toEqual({
      name: "shop",
      url: undefined,
      service: "SHOP",
      path: "",
      policy: defaultPolicy,
      quiet: false,
      deadline: undefined,
      ...plain,
    });
  });

  it("reads replicas, with names by their places where they have none", () => {
    const members = [
      { url: "https://eu.test/v2", weight: 9, policy: "circuitBreaker" },
      { name: "spare", service: "SPARE", path: "/v2", priority: 1 },
    ];
    const found = upstream({ members, check: "/healthz", trace: true, staleIfError: "1h" });
    expect(found).toMatchObject({
      url: undefined,
      service: undefined,
      path: "",
      check: { path: "/healthz", every: 10_000 },
      trace: true,
      staleIfError: "1h",
    });
    expect(found.members).toEqual([
      {
        name: "member-1",
        url: new URL("https://eu.test/v2"),
        service: undefined,
        path: "",
        weight: 9,
        priority: 0,
        policy: "circuitBreaker",
      },
      {
        name: "spare",
        url: undefined,
        service: "SPARE",
        path: "/v2",
        weight: 1,
        priority: 1,
        policy: undefined,
      },
    ]);
  });

  it.each<[object, string]>([
    [{ members: {} }, "UPSTREAMS.prices.members must be a list"],
    [{ members: [] }, "UPSTREAMS.prices.members: group: members"],
    [{ members: [5] }, "UPSTREAMS.prices.members[0] must be an object"],
    [{ members: [{ service: "A" }], url: "https://a.test" }, "UPSTREAMS.prices must have either members"],
    [{ members: [{ service: "A" }], path: "/v2" }, "UPSTREAMS.prices must have either members"],
    [{ members: [{}] }, "UPSTREAMS.prices.members[0] must have either url or service"],
    [{ members: [{ service: "A", port: 1 }] }, 'UPSTREAMS.prices.members[0] has no option "port"'],
    [{ members: [{ service: "A", name: "2" }] }, "UPSTREAMS.prices.members[0].name"],
    [{ members: [{ service: "A", name: "a.b" }] }, "UPSTREAMS.prices.members[0].name"],
    [{ members: [{ service: "A", policy: "retry(" }] }, "UPSTREAMS.prices.members[0].policy"],
    [
      { members: [{ service: "A", weight: "9" }] },
      'weight of member-1 must be a number from 0 to 1000, but is "9"',
    ],
    [{ members: [{ service: "A", priority: 0.5 }] }, "priority of member-1"],
    [
      {
        members: [
          { service: "A", name: "a" },
          { service: "B", name: "a" },
        ],
      },
      "same name",
    ],
    [{ members: [{ service: "A" }], check: "healthz" }, "UPSTREAMS.prices.check"],
    [{ service: "A", check: "/healthz" }, "UPSTREAMS.prices.check is for members, and there are none"],
    [{ members: [{ service: "A" }], check: 5 }, "UPSTREAMS.prices.check must be a path"],
    [{ members: [{ service: "A" }], check: { every: "5s" } }, "UPSTREAMS.prices.check.path must be a path"],
    [
      { members: [{ service: "A" }], check: { path: "/", port: 5 } },
      'UPSTREAMS.prices.check has no option "port"',
    ],
    [{ members: [{ service: "A" }], check: { path: "/", every: "soon" } }, "UPSTREAMS.prices.check.every"],
    [{ members: [{ service: "A" }], check: { path: "/", every: "1ms" } }, "check.every must be at least 1s"],
    [{ service: "A", trace: 1 }, "UPSTREAMS.prices.trace must be true or false"],
    [{ service: "A", staleIfError: "soon" }, "UPSTREAMS.prices.staleIfError"],
  ])("refuses %j", (options, message) => {
    expect(() => upstream(options)).toThrow(TypeError);
    expect(() => upstream(options)).toThrow(message);
  });

  it("has a default policy that parses", () => {
    expect(() => parse(defaultPolicy)).not.toThrow();
  });

  it.each<[string, string[]]>([
    ["{", ["UPSTREAMS is no JSON"]],
    ["[]", ["UPSTREAMS must be an object"]],
    ["null", ["UPSTREAMS must be an object"]],
    ['"prices"', ["UPSTREAMS must be an object"]],
    ['{ "Prices": {} }', ["UPSTREAMS.Prices", "lower-case"]],
    ['{ "": {} }', ["UPSTREAMS.", "1 to 63"]],
    ['{ "a/b": {} }', ["UPSTREAMS.a/b"]],
    ['{ "__proto__": {} }', ["UPSTREAMS.__proto__"]],
    ['{ "a": 1 }', ["UPSTREAMS.a must be an object"]],
    ['{ "a": null }', ["UPSTREAMS.a must be an object"]],
    ['{ "a": [] }', ["UPSTREAMS.a must be an object"]],
    ['{ "a": {} }', ["UPSTREAMS.a", "url or service"]],
    ['{ "a": { "url": "https://a.test", "service": "A" } }', ["UPSTREAMS.a", "url or service"]],
    [
      '{ "a": { "uri": "https://a.test" } }',
      [
        "UPSTREAMS.a",
        '"uri"',
        "url, service, path, members, discover, group, policy, routes, quiet, deadline, priority, trace, staleIfError, check, redirects",
      ],
    ],
    ['{ "a": { "url": 5 } }', ["UPSTREAMS.a.url", "5"]],
    ['{ "a": { "url": "a.test" } }', ["UPSTREAMS.a.url", '"a.test"']],
    ['{ "a": { "url": "ftp://a.test" } }', ["UPSTREAMS.a.url", '"ftp://a.test"']],
    ['{ "a": { "url": "https://me@a.test" } }', ["UPSTREAMS.a.url", "without user"]],
    ['{ "a": { "url": "https://:secret@a.test" } }', ["UPSTREAMS.a.url", "without user"]],
    ['{ "a": { "url": "https://a.test?b=c" } }', ["UPSTREAMS.a.url", "query"]],
    ['{ "a": { "url": "https://a.test#b" } }', ["UPSTREAMS.a.url", "query"]],
    ['{ "a": { "service": "a b" } }', ["UPSTREAMS.a.service", '"a b"']],
    ['{ "a": { "service": 5 } }', ["UPSTREAMS.a.service", "5"]],
    ['{ "a": { "service": "A", "path": 5 } }', ["UPSTREAMS.a.path", "5"]],
    ['{ "a": { "service": "A", "path": "v2" } }', ["UPSTREAMS.a.path", '"v2"']],
    ['{ "a": { "service": "A", "path": "/" } }', ["UPSTREAMS.a.path", '"/"']],
    ['{ "a": { "service": "A", "path": "/v2/" } }', ["UPSTREAMS.a.path", '"/v2/"']],
    ['{ "a": { "service": "A", "path": "/v2?b" } }', ["UPSTREAMS.a.path", '"/v2?b"']],
    ['{ "a": { "service": "A", "path": "/a/../b" } }', ["UPSTREAMS.a.path", '"/a/../b"']],
    ['{ "a": { "service": "A", "path": "/a b" } }', ["UPSTREAMS.a.path", '"/a b"']],
    ['{ "a": { "service": "A", "path": "/a#b" } }', ["UPSTREAMS.a.path", '"/a#b"']],
    ['{ "a": { "service": "A", "path": "/a\\\\b" } }', ["UPSTREAMS.a.path", "/a"]],
    ['{ "a": { "service": "A", "policy": 5 } }', ["UPSTREAMS.a.policy", "5"]],
    ['{ "a": { "service": "A", "policy": "retry(" } }', ["UPSTREAMS.a.policy", "line 1, column 7"]],
    ['{ "a": { "service": "A", "quiet": "yes" } }', ["UPSTREAMS.a.quiet", '"yes"']],
    ['{ "a": { "service": "A", "group": { "slowStart": "1s" } } }', ["UPSTREAMS.a.group is for members"]],
    [
      '{ "a": { "members": [{ "service": "A" }], "group": 5 } }',
      ["UPSTREAMS.a.group must be an object", "5"],
    ],
    [
      '{ "a": { "members": [{ "service": "A" }], "group": { "members": [] } } }',
      ["UPSTREAMS.a.group", '"members"'],
    ],
    [
      '{ "a": { "members": [{ "service": "A" }], "group": { "slowStart": "soon" } } }',
      ["UPSTREAMS.a.group: group: slowStart must be a duration", '"soon"'],
    ],
    [
      '{ "a": { "service": "A", "redirects": true } }',
      ["UPSTREAMS.a.redirects must be pass or follow", "true"],
    ],
    [
      '{ "a": { "discover": "dns" } }',
      ["UPSTREAMS.a.discover must be an object with dns or registry", '"dns"'],
    ],
    ['{ "a": { "discover": {} } }', ["UPSTREAMS.a.discover must have either dns or registry"]],
    [
      '{ "a": { "discover": { "dns": "a.test" } } }',
      ["UPSTREAMS.a.discover: dnsDiscovery: name", '"a.test"'],
    ],
    [
      '{ "a": { "discover": { "dns": "_h._tcp.a.test", "origins": [] } } }',
      ["UPSTREAMS.a.discover", '"origins"'],
    ],
    ['{ "a": { "discover": { "registry": "../a" } } }', ["UPSTREAMS.a.discover: registry must be", '"../a"']],
    ['{ "a": { "discover": { "registry": "a" } } }', ["UPSTREAMS.a.discover: origins must be a list"]],
    [
      '{ "a": { "members": [{ "service": "A" }], "discover": { "dns": "_h._tcp.a.test" } } }',
      ["either members or discover"],
    ],
    [
      '{ "a": { "service": "A", "discover": { "dns": "_h._tcp.a.test" } } }',
      ["either members or an url or service"],
    ],
    ['{ "a": { "service": "A", "priority": true } }', ["UPSTREAMS.a.priority must be an object", "true"]],
    [
      '{ "a": { "service": "A", "priority": { "trust": "me" } } }',
      ["UPSTREAMS.a.priority.trust must be one of token, everybody", '"me"'],
    ],
    [
      '{ "a": { "service": "A", "priority": { "header": "not one" } } }',
      ["UPSTREAMS.a.priority.header must be the name of a header", '"not one"'],
    ],
    ['{ "a": { "service": "A", "priority": { "most": 1 } } }', ["UPSTREAMS.a.priority", '"most"']],
    ['{ "a": { "service": "A", "deadline": "5s" } }', ["UPSTREAMS.a.deadline must be an object", '"5s"']],
    [
      '{ "a": { "service": "A", "deadline": { "dialect": "http" } } }',
      ["UPSTREAMS.a.deadline.dialect", '"http"'],
    ],
    ['{ "a": { "service": "A", "deadline": { "ceiling": -1 } } }', ["UPSTREAMS.a.deadline.ceiling", "-1"]],
    [
      '{ "a": { "service": "A", "deadline": { "least": "soon" } } }',
      ["UPSTREAMS.a.deadline.least", '"soon"'],
    ],
    ['{ "a": { "service": "A", "deadline": { "most": 1 } } }', ["UPSTREAMS.a.deadline", '"most"']],
  ])("says of %s what is wrong where", (text, parts) => {
    let message = "";
    try {
      readUpstreams(text);
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
      ({ message } = error as TypeError);
    }
    for (const part of parts) expect(message).toContain(part);
  });

  it("throws nothing but a TypeError, whatever it is given", () => {
    const anything = fc.anything({ maxDepth: 1 });
    const entry = fc.record(
      {
        url: fc.oneof(fc.constantFrom("https://a.test", "http://b.test:8080/v2/"), anything),
        service: fc.oneof(fc.constant("A"), anything),
        path: fc.oneof(fc.constant("/a"), anything),
        policy: fc.oneof(fc.constant("retry(3)"), anything),
        quiet: anything,
        deadline: fc.oneof(anything, fc.record({ dialect: fc.constant("envoy"), ceiling: anything })),
      },
      { requiredKeys: [] },
    );
    const name = fc.oneof(fc.string(), fc.stringMatching(/^[a-z0-9-]{1,5}$/));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.dictionary(name, entry, { maxKeys: 3 }).map((it) => JSON.stringify(it) ?? ""),
        ),
        (text) => {
          try {
            readUpstreams(text);
          } catch (error) {
            expect(error).toBeInstanceOf(TypeError);
          }
        },
      ),
    );
  });
});

describe("targetOf", () => {
  it.each<[object, string, string, string]>([
    [{ url: "https://api.test" }, "/", "", "https://api.test/"],
    [{ url: "https://api.test" }, "/a/b", "?c=d", "https://api.test/a/b?c=d"],
    [{ url: "https://api.test:8443/v2" }, "/", "", "https://api.test:8443/v2"],
    [{ url: "https://api.test/v2/" }, "/a/", "", "https://api.test/v2/a/"],
    [{ url: "https://api.test/v2", path: "/eu" }, "/a", "", "https://api.test/v2/eu/a"],
    [{ service: "A" }, "/a", "", "http://prices.upstream/a"],
    [{ service: "A", path: "/v2" }, "/a", "", "http://prices.upstream/v2/a"],
    [{ url: "https://api.test/v2" }, "//elsewhere.test/a", "", "https://api.test/v2//elsewhere.test/a"],
    [{ url: "https://api.test/v2" }, "/a%2Fb", "", "https://api.test/v2/a%2Fb"],
    [{ url: "https://api.test/v2" }, "/a?b#c", "", "https://api.test/v2/a%3Fb%23c"],
    [{ url: "https://api.test/v2" }, "/a/../b", "", "https://api.test/v2/b"],
    [{ url: "https://api.test/v2" }, "/...", "", "https://api.test/v2/..."],
    [{ url: "https://api.test/v2" }, "/a..%2fb", "", "https://api.test/v2/a..%2fb"],
  ])("of %j for %s%s is %s", (options, rest, search, expected) => {
    expect(targetOf(upstream(options), rest, search)?.href).toBe(expected);
  });

  it.each([
    "/..",
    "/../",
    "/../admin",
    "/a/../../admin",
    "/%2e%2e/admin",
    "/.%2E/admin",
    "/\\..\\..\\admin",
    "/..\\admin",
    "/..%2fadmin",
    "/a%2f..%2f..%2fadmin",
    "/%2e%2e%2fadmin",
    "/..%5cadmin",
    "/..;/admin",
    "/..%3b/admin",
    "/a/..%2f",
    "/../v2evil",
  ])("refuses %s, which leads out", (rest) => {
    expect(targetOf(upstream({ url: "https://api.test/v2" }), rest, "")).toBeUndefined();
  });

  it("never leaves its origin or its prefix, whatever the path", () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "..",
        ".",
        "/",
        "//",
        "\\",
        "%2e",
        "%2E%2e",
        "%2f",
        "%5C",
        "%252e",
        ";",
        "%3b",
        "@",
        ":",
        "?",
        "#",
        "%",
        "\t",
        "\n",
        "v2",
        "api.test",
        "http:",
        "a",
        "ü",
      ),
      fc.string({ unit: fc.nat(0xd7ff).map((code) => String.fromCharCode(code)), maxLength: 4 }),
    );
    const path = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join("")}`);
    const target = upstream({ url: "https://api.test/v2" });
    // What an origin makes of a path that decodes it before it resolves dots, or cuts off parameters.
    const resolved = (pathname: string) => {
      const url = new URL(target.url as URL);
      url.pathname = pathname
        .replaceAll(/%2e/gi, ".")
        .replaceAll(/%2f|%5c/gi, "/")
        .replaceAll(/%3b/gi, ";")
        .replaceAll(/\.\.;[^/]*/g, "..");
      return url.pathname;
    };
    fc.assert(
      fc.property(path, fc.string(), (rest, search) => {
        const found = targetOf(target, rest, search);
        if (found === undefined) return;
        expect(found.origin).toBe("https://api.test");
        expect(found.username + found.password).toBe("");
        expect(`${found.pathname}/`.startsWith("/v2/")).toBe(true);
        expect(`${resolved(found.pathname)}/`.startsWith("/v2/")).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
