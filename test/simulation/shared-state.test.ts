import { describe, expect, it } from "vitest";
import { type Population, type Scenario, scenarioOf } from "./shared/scenario.ts";
import { shareState } from "./shared-state.ts";

describe("shared state under faults", () => {
  it.each(Array.from({ length: 12 }, (_, index) => index + 1))(
    "holds what must hold: seed %d",
    async (seed) => {
      expect((await shareState(seed)).violations).toEqual([]);
    },
  );

  it.each<[Population, number, number]>([
    ["isolates", 100, 800],
    ["processes", 35, 200],
    ["tabs", 35, 100],
  ])("holds what must hold in a fleet of %s: %i", { timeout: 120_000 }, async (population, size, seed) => {
    const { replicas, violations } = await shareState(seed, { population, size });
    expect([replicas, violations]).toEqual([size, []]);
  });

  it.each<[string, number, Partial<Scenario>]>([
    ["a lease given up while fit again was never told of, and nobody held it any more", 5, {}],
    [
      "a region's home that had lost its record counted calls that the one before had counted",
      18,
      { population: "isolates", regions: 2, calm: false },
    ],
    [
      "tabs whose database was wiped went on in the same epoch, and two had one permit",
      48,
      { population: "tabs", calm: false },
    ],
    [
      "tabs whose database was wiped, of which two knew the same, went on in the same epoch",
      8788,
      { population: "tabs" },
    ],
    [
      "time ran ahead at a home where writers' clocks differ, and leases ended before their time",
      85,
      { population: "processes", calm: false, clocksFail: true },
    ],
  ])("keeps from coming back: %s (seed %i)", async (_, seed, given) => {
    expect((await shareState(seed, given)).violations).toEqual([]);
  });

  it("has seeds of each population, and of all numbers of probes", () => {
    const scenarios = Array.from({ length: 100 }, (_, index) => scenarioOf(index + 1));
    const of = (count: (scenario: Scenario) => unknown): unknown[] =>
      [...new Set(scenarios.map(count))].sort();
    expect(of(({ population }) => population)).toEqual(["isolates", "processes", "tabs"]);
    expect(of(({ probes }) => probes)).toEqual([1, 2, 3, 4, 5]);
    expect(of(({ size }) => size >= 100)).toEqual([false, true]);
  });

  it("has writers that meet, where each decides by itself", async () => {
    expect((await shareState(3, { population: "processes" })).met).toBeGreaterThan(0);
  });

  it("is the same for the same seed", async () => {
    for (const population of ["isolates", "processes", "tabs"] as const)
      expect(await shareState(3, { population })).toEqual(await shareState(3, { population }));
  });
});
