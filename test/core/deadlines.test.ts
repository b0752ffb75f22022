import fc from "fast-check";
import { ManualClock } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { type Due, deadlinesByClock, deadlinesOf } from "../../src/core/deadlines.ts";

class Noted implements Due {
  readonly at: number;
  before: Due["before"];
  after: Due["after"];
  timer: unknown;
  readonly #note: (at: number) => void;
  constructor(at: number, note: (at: number) => void) {
    this.at = at;
    this.#note = note;
  }
  expire(): void {
    this.#note(this.at);
  }
}

function staged(sharesTimers = true) {
  const clock = new ManualClock({ sharesTimers });
  let set = 0;
  const setTimer = clock.setTimer.bind(clock);
  clock.setTimer = (...args) => {
    set++;
    return setTimer(...args);
  };
  const deadlines = deadlinesOf(clock);
  const expired: [number, number][] = [];
  return {
    clock,
    deadlines,
    expired,
    timers: () => set,
    add(at: number, then?: () => void): Noted {
      const deadline = new Noted(at, (due) => {
        expired.push([due, clock.now()]);
        then?.();
      });
      deadlines.add(deadline, clock.now());
      return deadline;
    },
  };
}

describe.each([true, false])("Deadlines (shared timers: %s)", (shared) => {
  it("expire in order, each at its time", async () => {
    const { clock, expired, add } = staged(shared);
    for (const at of [300, 100, 200, 100, 400]) add(at);
    await clock.advance(350);
    expect(expired).toEqual([
      [100, 100],
      [100, 100],
      [200, 200],
      [300, 300],
    ]);
    expect(clock.pending).toBe(1);
    await clock.advance(50);
    expect(expired.at(-1)).toEqual([400, 400]);
    expect(clock.pending).toBe(0);
  });

  it("do not expire when removed, wherever they stand", async () => {
    for (const gone of [0, 1, 2]) {
      const { clock, deadlines, expired, add } = staged(shared);
      const all = [100, 200, 300].map((at) => add(at));
      deadlines.remove(all[gone] as Noted);
      await clock.advance(300);
      expect(expired.map(([at]) => at)).toEqual([100, 200, 300].filter((_, index) => index !== gone));
      expect(clock.pending).toBe(0);
    }
  });

  it("leave no timer that anybody waits for when all are removed, and work again after", async () => {
    const { clock, deadlines, expired, add } = staged(shared);
    deadlines.remove(add(100));
    expect(clock.pending).toBe(0);
    add(150);
    expect(clock.pending).toBe(1);
    await clock.advance(150);
    expect(expired).toEqual([[150, 150]]);
    expect(clock.pending).toBe(0);
  });

  it("may be added and removed by one that expires", async () => {
    const { clock, deadlines, expired, add } = staged(shared);
    const last = add(400);
    add(100, () => {
      add(300);
      deadlines.remove(last);
    });
    add(200);
    await clock.advance(1_000);
    expect(expired).toEqual([
      [100, 100],
      [200, 200],
      [300, 300],
    ]);
    expect(clock.pending).toBe(0);
  });

  it("expire like a plain list, whatever comes and goes", async () => {
    const step = fc.oneof(
      fc.record({ add: fc.integer({ min: 0, max: 50 }) }),
      fc.record({ remove: fc.nat(20) }),
      fc.record({ pass: fc.integer({ min: 1, max: 30 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { clock, deadlines, expired, add } = staged(shared);
        const live = new Map<Noted, number>();
        const expected: number[] = [];
        for (const each of steps) {
          if ("add" in each) {
            const at = clock.now() + each.add + 1;
            const deadline: Noted = add(at, () => live.delete(deadline));
            live.set(deadline, at);
          } else if ("remove" in each) {
            const chosen = [...live.keys()][each.remove];
            if (chosen !== undefined) {
              deadlines.remove(chosen);
              live.delete(chosen);
            }
          } else {
            const until = clock.now() + each.pass;
            expected.push(...[...live.values()].filter((at) => at <= until).sort((a, b) => a - b));
            await clock.advance(each.pass);
          }
        }
        expect(expired.map(([at]) => at)).toEqual(expected);
        expect(expired.every(([at, now]) => at === now)).toBe(true);
        expect(clock.pending > 0).toBe(live.size > 0);
      }),
      { numRuns: 60 },
    );
  });
});

describe("Deadlines", () => {
  it("share one timer, which is not set again for calls that answer in time", async () => {
    const { clock, deadlines, timers, add } = staged();
    for (let call = 0; call < 100; call++) {
      deadlines.remove(add(clock.now() + 1_000));
      await clock.advance(1);
    }
    expect(timers()).toBe(1);
    expect(clock.pending).toBe(0);
    await clock.advance(900);
    expect(timers()).toBe(1);
  });

  it("set the timer again for an earlier one", async () => {
    const { clock, expired, timers, add } = staged();
    add(1_000);
    add(100);
    expect(timers()).toBe(2);
    expect(clock.pending).toBe(1);
    await clock.advance(100);
    expect(expired).toEqual([[100, 100]]);
    expect(clock.pending).toBe(1);
  });

  it("keep no process alive for nobody, and for somebody again", () => {
    const { clock, deadlines, add } = staged();
    const first = add(1_000);
    expect(clock.pending).toBe(1);
    deadlines.remove(first);
    expect(clock.pending).toBe(0);
    add(2_000);
    expect(clock.pending).toBe(1);
  });

  it("have a timer each where calls cannot share one", () => {
    const { clock, deadlines, add } = staged(false);
    const all = [add(100), add(100), add(200)];
    expect(clock.pending).toBe(3);
    for (const each of all) deadlines.remove(each);
    expect(clock.pending).toBe(0);
  });

  it("are one list for each clock that turns up", () => {
    const deadlinesOf = deadlinesByClock();
    const [one, two] = [new ManualClock(), new ManualClock()];
    const first = deadlinesOf(one);
    expect(deadlinesOf(one)).toBe(first);
    expect(deadlinesOf(two)).not.toBe(first);
  });
});
