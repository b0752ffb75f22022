import { describe, expect, it } from "vitest";
import { type Registered, Registry } from "../../src/state/registry.ts";

const member = (name: string, ttl = 30_000): Registered => ({
  name,
  url: `https://${name}.test`,
  weight: 1,
  priority: 0,
  ttl,
});

describe("Registry", () => {
  it("keeps a member until it was silent for its time, and for as long as it is not", () => {
    const registry = new Registry();
    registry.renew(member("b"), 0);
    registry.renew(member("a"), 10_000);
    expect(registry.members(29_999)).toEqual([member("a"), member("b")]);
    expect(registry.ends()).toBe(30_000);
    registry.renew(member("b"), 29_999);
    expect(registry.members(39_999).map(({ name }) => name)).toEqual(["a", "b"]);
    expect(registry.expire(40_000)).toEqual(["a"]);
    expect(registry.size).toBe(1);
    expect(registry.expire(60_000)).toEqual(["b"]);
    expect([registry.members(60_000), registry.ends(), registry.size]).toEqual([[], undefined, 0]);
  });

  it("takes another word of the same member for the last one", () => {
    const registry = new Registry();
    registry.renew(member("a"), 0);
    registry.renew({ ...member("a"), url: "https://new.test" }, 0);
    expect(registry.members(0)).toEqual([{ ...member("a"), url: "https://new.test" }]);
  });

  it("forgets at once who leaves, and knows whether it was there", () => {
    const registry = new Registry();
    registry.renew(member("a"), 0);
    expect([registry.leave("a"), registry.leave("a")]).toEqual([true, false]);
    expect(registry.members(0)).toEqual([]);
  });

  it("keeps nobody for longer because a clock jumped back", () => {
    const registry = new Registry();
    registry.renew(member("a"), 100_000);
    registry.renew(member("b"), 50_000);
    expect(registry.members(130_000)).toEqual([]);
  });

  it("is asked again after a third of the shortest time, from a second to half a minute", () => {
    const registry = new Registry();
    expect(registry.holds()).toBe(30_000);
    registry.renew(member("a", 60_000), 0);
    expect(registry.holds()).toBe(20_000);
    registry.renew(member("b", 300), 0);
    expect(registry.holds()).toBe(1_000);
  });

  it("goes on from what was stored", () => {
    const registry = new Registry();
    registry.restore([
      { ...member("a"), until: 5_000 },
      { ...member("b"), until: 9_000 },
    ]);
    expect(registry.members(5_000)).toEqual([member("b")]);
  });
});
