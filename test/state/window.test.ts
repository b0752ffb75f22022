import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CountWindow,
  failed,
  failedSlowly,
  type Mark,
  resized,
  slow,
  TimeWindow,
  type Window,
} from "../../src/state/window.ts";

function timeAt(at = 0) {
  const time = { at, now: () => time.at };
  return time;
}

const sums = ({ calls, failures, slowCalls }: Window) => [calls, failures, slowCalls];
const marks = fc.array(fc.constantFrom<Mark>(0, failed, slow, failedSlowly), { maxLength: 60 });

describe("CountWindow", () => {
  it.each<[string, Mark[], number[]]>([
    ["nothing", [], [0, 0, 0]],
    ["a success", [0], [1, 0, 0]],
    ["a failure", [failed], [1, 1, 0]],
    ["a slow success", [slow], [1, 0, 1]],
    ["a slow failure", [failedSlowly], [1, 1, 1]],
    ["a full turn", [failed, 0, slow], [3, 1, 1]],
    ["a failure that has left", [failed, 0, 0, 0], [3, 0, 0]],
    ["a slow failure that has left", [failedSlowly, 0, 0, 0], [3, 0, 0]],
  ])("of three calls holds %s", (_, calls, expected) => {
    const window = new CountWindow(3);
    for (const mark of calls) window.record(mark, timeAt());
    expect(sums(window)).toEqual(expected);
  });

  it("equals the sums over the last calls", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), marks, (size, calls) => {
        const window = new CountWindow(size);
        for (const mark of calls) window.record(mark, timeAt());
        const last = calls.slice(-size);
        expect(sums(window)).toEqual([
          last.length,
          last.filter((mark) => mark & failed).length,
          last.filter((mark) => mark & slow).length,
        ]);
      }),
    );
  });

  it("reads no clock for a success, save once in a turn", () => {
    let readings = 0;
    const time = { now: () => ++readings };
    const window = new CountWindow(10);
    for (let call = 0; call < 9; call++) window.record(0, time);
    expect(readings).toBe(0);
    window.record(0, time);
    expect(readings).toBe(1);
  });

  it("forgets all after two minutes without failure or full turn, when the next failure comes", () => {
    const time = timeAt();
    const window = new CountWindow(10);
    window.record(failed, time);
    time.at = 120_000;
    window.record(failed, time);
    expect(window.failures).toBe(2);
    time.at = 240_001;
    window.record(failed, time);
    expect(sums(window)).toEqual([1, 1, 0]);
  });

  it("keeps successes however old: they cost no clock reading, so nothing says when they were", () => {
    const time = timeAt();
    const window = new CountWindow(10);
    for (let call = 0; call < 5; call++) window.record(0, time);
    time.at = 1_000_000;
    window.age(time);
    expect(window.calls).toBe(5);
    window.record(failed, time);
    expect(sums(window)).toEqual([6, 1, 0]);
  });

  it("counts a full turn as recent", () => {
    const time = timeAt();
    const window = new CountWindow(2);
    window.record(failed, time);
    time.at = 100_000;
    window.record(0, time);
    time.at = 200_000;
    window.record(failed, time);
    expect(sums(window)).toEqual([2, 1, 0]);
  });

  it("forgets however often somebody looks", () => {
    const time = timeAt();
    const window = new CountWindow(10);
    window.record(failed, time);
    for (time.at = 60_000; time.at <= 120_000; time.at += 60_000) window.age(time);
    expect(window.failures).toBe(1);
    time.at = 120_001;
    window.age(time);
    expect(sums(window)).toEqual([0, 0, 0]);
  });

  it("restores its sums into a window of the same size", () => {
    fc.assert(
      fc.property(marks, (calls) => {
        const time = timeAt();
        const [window, other] = [new CountWindow(20), new CountWindow(20)];
        for (const mark of calls) window.record(mark, time);
        other.restore(JSON.parse(JSON.stringify(window.snapshot())), time);
        expect(sums(other)).toEqual(sums(window));
      }),
    );
  });

  it("restores the rates of a larger window", () => {
    const window = new CountWindow(10);
    window.restore({ calls: 100, failures: 40, slowCalls: 20 }, timeAt());
    expect(sums(window)).toEqual([10, 4, 2]);
  });

  it("lets restored failures leave last", () => {
    const time = timeAt();
    const window = new CountWindow(4);
    window.restore({ calls: 4, failures: 2, slowCalls: 1 }, time);
    const failures = [];
    for (let call = 0; call < 4; call++) {
      window.record(0, time);
      failures.push(window.failures);
    }
    expect(failures).toEqual([2, 2, 1, 0]);
  });

  it("restores nothing as nothing", () => {
    const window = new CountWindow(4);
    window.record(failed, timeAt());
    window.restore({ calls: 0, failures: 0, slowCalls: 0 }, timeAt());
    expect(sums(window)).toEqual([0, 0, 0]);
  });
});

describe("TimeWindow", () => {
  it.each([
    [0, 1],
    [500, 2],
    [999, 2],
    [1_000, 1],
    [1_499, 1],
    [1_500, 0],
    [90_000, 0],
  ])("of one second, at %d ms, holds %d of two calls at 0 and 500 ms", (now, calls) => {
    const time = timeAt();
    const window = new TimeWindow(1_000);
    for (const at of [0, 500]) {
      time.at = at;
      if (at <= now) window.record(failedSlowly, time);
    }
    time.at = now;
    window.age(time);
    expect(sums(window)).toEqual([calls, calls, calls]);
  });

  it("forgets a tenth of its span at a time", () => {
    const time = timeAt();
    const window = new TimeWindow(1_000);
    for (time.at = 0; time.at < 1_000; time.at += 50)
      window.record(time.at % 100 === 0 ? failed : slow, time);
    const held = [];
    for (time.at = 1_000; time.at <= 2_000; time.at += 250) {
      window.age(time);
      held.push(window.calls);
    }
    expect(held).toEqual([18, 14, 8, 4, 0]);
  });

  it("equals the sums over the slices that it spans", () => {
    const call = fc.tuple(
      fc.integer({ min: 0, max: 400 }),
      fc.constantFrom<Mark>(0, failed, slow, failedSlowly),
    );
    fc.assert(
      fc.property(fc.array(call, { maxLength: 40 }), (calls) => {
        const time = timeAt();
        const window = new TimeWindow(1_000);
        const made: [number, Mark][] = [];
        for (const [pause, mark] of calls) {
          time.at += pause;
          window.record(mark, time);
          made.push([Math.floor(time.at / 100), mark]);
        }
        const held = made.filter(([slice]) => Math.floor(time.at / 100) - slice < 10).map(([, mark]) => mark);
        expect(sums(window)).toEqual([
          held.length,
          held.filter((mark) => mark & failed).length,
          held.filter((mark) => mark & slow).length,
        ]);
      }),
    );
  });

  it("counts what comes under a clock that went back as the newest", () => {
    const time = timeAt(5_000);
    const window = new TimeWindow(1_000);
    window.record(failed, time);
    time.at = 100;
    window.record(failed, time);
    expect(window.calls).toBe(2);
    time.at = 5_999;
    window.age(time);
    expect(window.calls).toBe(2);
    time.at = 6_000;
    window.age(time);
    expect(window.calls).toBe(0);
  });

  it("is empty when it was cleared, and goes on", () => {
    const time = timeAt();
    const window = new TimeWindow(1_000);
    window.record(failedSlowly, time);
    window.clear();
    expect(sums(window)).toEqual([0, 0, 0]);
    window.record(slow, time);
    expect(sums(window)).toEqual([1, 0, 1]);
  });

  it("restores its sums as calls of now", () => {
    const time = timeAt();
    const window = new TimeWindow(1_000);
    for (const mark of [0, failed, slow, failedSlowly] as const) window.record(mark, time);
    const other = new TimeWindow(1_000);
    const later = timeAt(77_000);
    other.record(failed, later);
    other.restore(JSON.parse(JSON.stringify(window.snapshot())), later);
    expect(sums(other)).toEqual([4, 2, 2]);
    later.at += 1_000;
    other.age(later);
    expect(sums(other)).toEqual([0, 0, 0]);
  });
});

describe("a window of another size", () => {
  it("holds the newest calls of a count window, and drops them in the order in which they came", () => {
    const size = fc.integer({ min: 1, max: 12 });
    fc.assert(
      fc.property(size, size, marks, marks, (from, to, before, after) => {
        const time = timeAt();
        const window = new CountWindow(from);
        for (const mark of before) window.record(mark, time);
        const next = resized(window, to, time);
        expect(next.size).toBe(to);
        const kept = before.slice(-Math.min(from, to));
        const other = new CountWindow(to);
        for (const mark of before.length === 0 ? [] : kept) other.record(mark, time);
        expect(sums(next)).toEqual(sums(other));
        for (const mark of after) {
          next.record(mark, time);
          other.record(mark, time);
          expect(sums(next)).toEqual(sums(other));
        }
      }),
    );
  });

  it("is forgotten when the one before it would have been", () => {
    const time = timeAt();
    const window = new CountWindow(10);
    window.record(failed, time);
    const next = resized(window, 20, time);
    time.at = 120_001;
    next.age(time);
    expect(sums(next)).toEqual([0, 0, 0]);
  });

  it("looks as far back as its span, where that is shorter", () => {
    const time = timeAt();
    const window = new TimeWindow(10_000);
    for (time.at = 500; time.at < 10_000; time.at += 1_000) window.record(failed, time);
    time.at = 9_999;
    const next = resized(window, { span: 5_000 }, time);
    expect([sums(next), next.size]).toEqual([[5, 5, 0], { span: 5_000 }]);
    time.at += 2_000;
    next.age(time);
    expect(sums(next)).toEqual([3, 3, 0]);
    time.at += 5_000;
    next.age(time);
    expect(sums(next)).toEqual([0, 0, 0]);
  });

  it("keeps all that it holds and forgets it later, where its span is longer", () => {
    const time = timeAt();
    const window = new TimeWindow(1_000);
    for (time.at = 50; time.at < 1_000; time.at += 100) window.record(slow, time);
    time.at = 999;
    const next = resized(window, { span: 10_000 }, time);
    expect(sums(next)).toEqual([10, 0, 10]);
    time.at = 9_000;
    next.age(time);
    expect(sums(next)).toEqual([10, 0, 10]);
    time.at = 11_000;
    next.age(time);
    expect(sums(next)).toEqual([0, 0, 0]);
  });

  it("takes the counts over between calls and spans of time", () => {
    const time = timeAt(5_000);
    const window = new CountWindow(100);
    for (const mark of [0, 0, failed, slow] as const) window.record(mark, time);
    const spans = resized(window, { span: 1_000 }, time);
    expect(sums(spans)).toEqual([4, 1, 1]);
    expect(sums(resized(spans, 100, time))).toEqual([4, 1, 1]);
    expect(sums(resized(spans, 2, time))).toEqual([2, 1, 1]);
  });
});
