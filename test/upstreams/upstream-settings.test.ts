import { describe, expect, it } from "vitest";
import {
  changedSettings,
  readSettings,
  readUpstreams,
  settingNames,
  type Upstream,
  withSettings,
} from "../../src/upstreams/index.ts";

const configured = {
  members: [{ service: "A", name: "a" }],
  group: { slowStart: "30s", ejectFor: "10s" },
  check: "/healthz",
  staleIfError: "1h",
  trace: true,
};
const upstream = readUpstreams(JSON.stringify({ prices: configured })).get("prices") as Upstream;
const settled = (settings: object) => withSettings(upstream, readSettings(JSON.stringify(settings)));

describe("settings of an upstream", () => {
  it("hold instead of what is configured, each rule of the group by itself", () => {
    const routes = [{ name: "search", path: "/search", policy: "timeout(1s)" }];
    expect(settled({ group: { ejectFor: "9s" }, trace: false, routes })).toMatchObject({
      name: "prices",
      members: [{ name: "a", service: "A" }],
      group: { slowStart: "30s", ejectFor: "9s" },
      trace: false,
      check: { path: "/healthz" },
      staleIfError: "1h",
      routes: [{ ...routes[0], methods: undefined }],
    });
  });

  it("take out with false what may be absent", () => {
    const { check, staleIfError, deadline } = settled({ check: false, staleIfError: false, deadline: false });
    expect([check, staleIfError, deadline]).toEqual([undefined, undefined, undefined]);
  });

  it("go back to what is configured when they are gone", () => {
    const changed = settled({ staleIfError: false, group: { ejectFor: "9s" } });
    const { configured: _, ...was } = upstream;
    const { configured: __, ...is } = withSettings(changed, {});
    expect(is).toEqual(was);
  });

  it("change bit by bit, and null takes one back", () => {
    const before = { trace: false, group: { ejectFor: "9s", deviations: 2 } };
    expect(changedSettings(before, { group: { ejectFor: null }, check: false })).toEqual({
      trace: false,
      group: { deviations: 2 },
      check: false,
    });
    expect(changedSettings(before, { group: null, trace: null })).toEqual({});
    expect(changedSettings({}, { group: { ejectFor: "1s" } })).toEqual({ group: { ejectFor: "1s" } });
    expect(() => changedSettings({}, [])).toThrow("settings must be an object");
  });

  it("are neither where requests go, nor the policy", () => {
    for (const name of ["url", "service", "path", "members", "discover", "policy"])
      expect(() => settled({ [name]: "x" })).toThrow(`settings has no option "${name}"`);
    expect(settingNames).toEqual(expect.arrayContaining(["group", "routes"]));
  });

  it.each([
    ["{", "settings is no JSON"],
    ["5", "settings must be an object"],
    ["null", "settings must be an object"],
    ['{ "group": [] }', "settings.group must be an object"],
    ['{ "__proto__": {} }', 'settings has no option "__proto__"'],
  ])("%s are refused", (text, message) => {
    expect(() => readSettings(text)).toThrow(message);
  });

  it.each<[object, string]>([
    [{ group: { slowStart: "soon" } }, "settings.group"],
    [{ group: { size: 5 } }, 'settings.group has no option "size"'],
    [{ check: 5 }, "settings.check must be a path"],
    [{ priority: { trust: "me" } }, "settings.priority.trust"],
    [{ routes: [{ name: "a", path: "/", policy: "identity" }] }, "settings.routes[0].name"],
  ])("%j are refused by the name of the setting", (settings, message) => {
    expect(() => settled(settings)).toThrow(message);
  });
});
