import { describe, expect, it } from "vitest";
import { type Contention, contend, type Strategy, strategies } from "./contention.ts";
import { hedgings, type LongTail, origins, serve } from "./long-tail.ts";
import { plot } from "./plot.ts";

const seeds = [1, 2, 3];
const all = <T>(run: (seed: number) => Promise<T>): Promise<T[]> => Promise.all(seeds.map(run));
const named = <T extends { readonly name: string }>(list: readonly T[], name: string): T =>
  list.find((each) => each.name === name) as T;

describe("contending clients", () => {
  const clients = 30;
  const run = (name: string): Promise<Contention[]> =>
    all((seed) => contend(clients, named<Strategy>(strategies, name), seed));

  it.each(strategies)(
    "$name: all are done, each change was made once, no timer is left",
    async (strategy) => {
      for (const { violations } of await all((seed) => contend(clients, strategy, seed))) {
        expect(violations).toEqual([]);
      }
    },
  );

  it("call less and are done sooner with full jitter than with none", async () => {
    const [none, full] = [await run("no jitter"), await run("full")];
    for (const [index, { calls, completion }] of full.entries()) {
      expect(calls).toBeLessThan((none[index]?.calls ?? 0) * 0.8);
      expect(completion).toBeLessThan((none[index]?.completion ?? 0) * 0.5);
    }
  });

  it("are the same for the same seed", async () => {
    const again = await run("full");
    expect(again).toEqual(await run("full"));
    expect(new Set(again.map(({ completion }) => completion)).size).toBe(seeds.length);
  });
});

describe("hedged requests", () => {
  const [stuck] = origins;
  if (stuck === undefined) throw new Error("no origin");
  const run = (name: string): Promise<LongTail[]> =>
    all((seed) => serve(1_000, stuck, named(hedgings, name), seed));

  it.each(hedgings)(
    "$name: each gets its own answer, losers are aborted, no timer is left",
    async (hedging) => {
      for (const origin of origins) {
        for (const { violations } of await all((seed) => serve(1_000, origin, hedging, seed))) {
          expect(violations).toEqual([]);
        }
      }
    },
  );

  it("cut the tail by more than half for a twentieth of calls more", async () => {
    const [alone, hedged] = [await run("no hedge"), await run("after p95")];
    for (const [index, { callsPerRequest, latencies }] of hedged.entries()) {
      expect(callsPerRequest).toBeLessThan(1.1);
      expect(latencies["p99.5"]).toBeLessThan((alone[index]?.latencies["p99.5"] ?? 0) / 2);
    }
  });
});

describe("plot", () => {
  it("draws each line and names it", () => {
    const axis = { title: "x & y", ticks: [[1, "1"] as const, [10, "10"] as const] };
    const svg = plot("a < b", [
      {
        title: "panel",
        x: axis,
        y: { ...axis, logarithmic: true },
        lines: [
          {
            name: "one",
            points: [
              [1, 1],
              [10, 10],
            ],
          },
          {
            name: "two",
            points: [
              [1, 10],
              [10, 1],
            ],
          },
        ],
      },
    ]);
    expect(svg.match(/<polyline points="[\d, .]+"/g)).toHaveLength(2);
    expect(svg).toContain("a &#60; b");
    expect(svg).toContain("one");
    expect(svg).not.toContain("NaN");
  });
});
