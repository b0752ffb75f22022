import type { Context } from "ninelives";
import { ManualClock, recordingSink, scriptedService, seededRandom } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { caller } from "../policies/stage.ts";

const context = {} as Context;

describe("ManualClock", () => {
  it("stands still until it is advanced", async () => {
    const clock = new ManualClock({ wall: 500 });
    expect([clock.now(), clock.wall()]).toEqual([0, 500]);
    await clock.advance(250);
    expect([clock.now(), clock.wall()]).toEqual([250, 750]);
    expect(new ManualClock().wall()).toBe(Date.UTC(2026, 0, 1));
  });

  it("fires timers in order, each at its time, those of one time as they were set", async () => {
    const clock = new ManualClock();
    const fired: string[] = [];
    for (const [name, ms] of [
      ["c", 30],
      ["a", 10],
      ["b1", 20],
      ["b2", 20],
      ["past", -5],
    ] as const)
      clock.setTimer(() => fired.push(`${name} at ${clock.now()}`), ms);
    await clock.advance(25);
    expect(fired).toEqual(["past at 0", "a at 10", "b1 at 20", "b2 at 20"]);
    expect(clock.pending).toBe(1);
    await clock.advance(5);
    expect(fired.at(-1)).toBe("c at 30");
    expect(clock.pending).toBe(0);
  });

  it("fires timers that timers set, in the same advance", async () => {
    const clock = new ManualClock();
    const fired: number[] = [];
    const again = () => {
      fired.push(clock.now());
      if (fired.length < 3) clock.setTimer(again, 10);
    };
    clock.setTimer(again, 10);
    await clock.advance(100);
    expect(fired).toEqual([10, 20, 30]);
    expect(clock.now()).toBe(100);
  });

  it("lets promises run before, between and after its timers", async () => {
    const clock = new ManualClock();
    const said: string[] = [];
    Promise.resolve().then(() => said.push("before"));
    clock.setTimer(() => Promise.resolve().then(() => said.push("between")), 1);
    clock.setTimer(() => said.push("second"), 2);
    await clock.advance(2);
    expect(said).toEqual(["before", "between", "second"]);
  });

  it("does not fire what was cleared, and counts only what keeps alive", async () => {
    const clock = new ManualClock();
    let fired = 0;
    clock.clearTimer(clock.setTimer(() => fired++, 5));
    const idle = clock.setTimer(() => fired++, 10);
    expect(clock.pending).toBe(1);
    clock.keepAlive(idle, false);
    expect(clock.pending).toBe(0);
    clock.keepAlive(idle, true);
    expect(clock.pending).toBe(1);
    await clock.advance(10);
    expect(fired).toBe(1);
  });

  it("jumps its wall clock alone", async () => {
    const clock = new ManualClock({ wall: 1_000 });
    clock.jump(-400);
    expect([clock.now(), clock.wall()]).toEqual([0, 600]);
    await clock.advance(10);
    expect([clock.now(), clock.wall()]).toEqual([10, 610]);
  });

  it("shares timers between calls unless told otherwise", () => {
    expect(new ManualClock().sharesTimers()).toBe(true);
    expect(new ManualClock({ sharesTimers: false }).sharesTimers()).toBe(false);
  });
});

describe("scriptedService", () => {
  it("keeps calls waiting until the test answers them, and remembers what it saw", async () => {
    const service = scriptedService<string, number>();
    const seen = [caller(service("a", context)), caller(service("b", context))];
    expect(service.calls.map(({ request }) => request)).toEqual(["a", "b"]);
    expect(service.last.context).toBe(context);
    service.calls[0]?.succeed(1);
    service.last.fail("no");
    await Promise.resolve().then();
    expect(seen.map((each) => each.seen)).toEqual([{ value: 1 }, { error: "no" }]);
    expect(service.calls.map(({ settled }) => settled)).toEqual([true, true]);
  });

  it("answers by itself as it was scripted, in order, then waits for the test again", async () => {
    const service = scriptedService<void, number>();
    service.script(
      () => 1,
      () => Promise.resolve(2),
      () => {
        throw new Error("three");
      },
    );
    const seen = [1, 2, 3, 4].map(() => caller(service(undefined, context)));
    for (let step = 0; step < 10; step++) await undefined;
    expect(seen.map((each) => each.seen)).toEqual([
      { value: 1 },
      { value: 2 },
      { error: new Error("three") },
      "nothing yet",
    ]);
    expect(service.calls.map(({ settled }) => settled)).toEqual([true, true, true, false]);
  });

  it("says so when nothing has reached it", () => {
    expect(() => scriptedService().last).toThrow("no call has reached the scripted service");
  });
});

describe("recordingSink", () => {
  it("keeps events, tells their types, and finds those of one type", () => {
    const sink = recordingSink();
    const stamp = { policy: "p", at: 1 };
    sink.emit({ type: "timeout.occurred", after: 5, ...stamp });
    sink.emit({ type: "fallback.used", kind: "value", ...stamp });
    expect(sink.types).toEqual(["timeout.occurred", "fallback.used"]);
    expect(sink.of("timeout.occurred").map(({ after }) => after)).toEqual([5]);
    expect(sink.of("retry.attempted")).toEqual([]);
    expect(sink.events.length).toBe(2);
  });
});

describe("seededRandom", () => {
  it("gives the same numbers for the same seed, on every runtime", () => {
    const random = seededRandom(42);
    const numbers = [random(), random(), random()];
    expect(numbers.map((number) => number.toFixed(6))).toEqual(["0.601104", "0.448291", "0.852466"]);
    expect(seededRandom(42)()).toBe(numbers[0]);
    expect(seededRandom(43)()).not.toBe(numbers[0]);
  });

  it("gives numbers from 0 to 1, evenly", () => {
    const random = seededRandom(1);
    const tenths = new Array<number>(10).fill(0);
    for (let call = 0; call < 10_000; call++) {
      const number = random();
      const tenth = Math.floor(number * 10);
      tenths[tenth] = (tenths[tenth] as number) + 1;
    }
    expect(Math.min(...tenths)).toBeGreaterThan(900);
    expect(Math.max(...tenths)).toBeLessThan(1_100);
  });
});
