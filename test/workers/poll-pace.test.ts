import { describe, expect, it } from "vitest";
import { PollPace } from "../../workers/objects/poll-pace.ts";

/** How often an object is asked in the second minute by so many, and how long each then waits at most. */
function asked(isolates: number) {
  const pace = new PollPace();
  const due: number[] = Array.from({ length: isolates }, (_, index) => index % 1_000);
  let count = 0;
  let longest = 0;
  for (let now = 0; now < 240_000; now++) {
    // Whoever is due asks; a heap would be faster, but these are few enough.
    for (const [index, at] of due.entries()) {
      if (at > now) continue;
      const next = pace.book(now);
      due[index] = now + next;
      if (now < 120_000) continue;
      count++;
      longest = Math.max(longest, next);
    }
  }
  return { perSecond: count / 120, longest };
}

describe("the pace of those who poll", () => {
  it.each([
    [1, 0.6, 2_000],
    [50, 26, 2_000],
    [500, 101, 5_100],
  ])("%i ask at most %d times a second, and each waits at most %d ms", (isolates, often, wait) => {
    const { perSecond, longest } = asked(isolates);
    expect(perSecond).toBeLessThanOrEqual(often);
    expect(longest).toBeLessThanOrEqual(wait);
  });

  it("lets nobody wait for more than a minute, and comes back when many have gone", () => {
    const pace = new PollPace();
    for (let isolate = 0; isolate < 20_000; isolate++) pace.book(0);
    expect(pace.book(0)).toBe(60_000);
    expect(pace.book(58_000)).toBe(2_010);
    expect(pace.book(100_000)).toBe(2_000);
  });
});
