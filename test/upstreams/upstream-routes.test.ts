import { describe, expect, it } from "vitest";
import { pathAt, readUpstreams, routeTest, targetOf, type Upstream } from "../../src/upstreams/index.ts";

const upstream = (options: object) =>
  readUpstreams(JSON.stringify({ prices: { url: "https://api.test/v2", ...options } })).get(
    "prices",
  ) as Upstream;
const search = { name: "search", path: "/search", policy: "timeout(1s)" };

describe("routes of an upstream", () => {
  it("are read in their order, for all methods or all paths where they do not say", () => {
    const writes = { name: "writes", methods: ["POST", "PUT"], policy: "identity" };
    expect(upstream({ routes: [search, writes] }).routes).toEqual([
      { ...search, methods: undefined },
      { ...writes, path: "/" },
    ]);
  });

  it.each<[unknown, string]>([
    [{}, "UPSTREAMS.prices.routes must be a list"],
    [[5], "UPSTREAMS.prices.routes[0] must be an object"],
    [[{ ...search, port: 1 }], 'UPSTREAMS.prices.routes[0] has no option "port"'],
    [
      [{ ...search, name: "a.b" }],
      'UPSTREAMS.prices.routes[0].name must be lower-case letters, digits and hyphens after a letter, but is "a.b"',
    ],
    [[{ ...search, name: undefined }], "UPSTREAMS.prices.routes[0].name"],
    [[{ name: "a", policy: "identity" }], "UPSTREAMS.prices.routes[0] must have a path or methods"],
    [[{ ...search, path: "search" }], "UPSTREAMS.prices.routes[0].path"],
    [[{ ...search, path: "/search/" }], "UPSTREAMS.prices.routes[0].path"],
    [[{ ...search, path: "/a/../b" }], "UPSTREAMS.prices.routes[0].path"],
    [[{ ...search, path: "/a*" }], 'but is "/a*"'],
    [[{ ...search, path: "/a?b" }], "UPSTREAMS.prices.routes[0].path"],
    [[{ ...search, path: 5 }], "UPSTREAMS.prices.routes[0].path"],
    [[{ ...search, methods: [] }], "UPSTREAMS.prices.routes[0].methods"],
    [[{ ...search, methods: ["get"] }], 'but is ["get"]'],
    [[{ ...search, methods: "GET" }], "UPSTREAMS.prices.routes[0].methods"],
    [[{ ...search, policy: undefined }], "UPSTREAMS.prices.routes[0].policy must be a text"],
    [[{ ...search, policy: "retry(" }], "UPSTREAMS.prices.routes[0].policy"],
    [[search, search], "UPSTREAMS.prices.routes[1].name: a route or a member before has the name search"],
  ])("refuses %j", (routes, message) => {
    expect(() => upstream({ routes })).toThrow(TypeError);
    expect(() => upstream({ routes })).toThrow(message);
  });

  it("refuses a route with the name of a member, whose circuits have it", () => {
    const given = { members: [{ name: "search", service: "A" }], routes: [search], url: undefined };
    expect(() => upstream(given)).toThrow("a route or a member before has the name search");
  });

  it.each<[string, string, boolean]>([
    ["/search", "/search", true],
    ["/search", "/search/", true],
    ["/search", "/search/all", true],
    ["/search", "/searches", false],
    ["/search", "/a/search", false],
    ["/search", "/Search", false],
    // Other ways to write the same are no way around.
    ["/search", "/se%61rch", true],
    ["/search", "//search", true],
    ["/search", "/%zz", false],
    ["/a%20b", "/a%20b", true],
    ["/users/*/orders", "/users/5/orders", true],
    ["/users/*/orders", "/users/5/orders/7", true],
    ["/users/*/orders", "/users//orders", false],
    ["/users/*/orders", "/users/5", false],
    ["/", "", true],
    ["/", "/anything", true],
  ])("for %s: is %s of them? %s", (path, asked, expected) => {
    expect(routeTest({ path, methods: undefined })("GET", asked)).toBe(expected);
  });

  it("goes by the method where it names some", () => {
    const fits = routeTest({ path: "/", methods: ["POST"] });
    expect([fits("POST", "/a"), fits("GET", "/a"), fits("post", "/a")]).toEqual([true, false, false]);
  });

  it("goes by the path behind the upstream's own", () => {
    const given = upstream({ path: "/eu" });
    const target = targetOf(given, "/x/../search", "?q=1") as URL;
    expect([target.href, pathAt(given, target)]).toEqual(["https://api.test/v2/eu/search?q=1", "/search"]);
  });
});
