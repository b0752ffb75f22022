import { systemClock } from "ninelives";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

describe("systemClock", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000, toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it("reads the platform's clocks at each call", () => {
    const [now, wall] = [systemClock.now(), systemClock.wall()];
    vi.advanceTimersByTime(250);
    expect([systemClock.now() - now, systemClock.wall() - wall]).toEqual([250, 250]);
    expect(wall).toBe(1_000_000);
  });

  it("calls back once, not before the time, and not after it was cleared", () => {
    let calls = 0;
    systemClock.setTimer(() => calls++, 9.2);
    systemClock.clearTimer(systemClock.setTimer(() => calls++, 5));
    vi.advanceTimersByTime(9);
    expect(calls).toBe(0);
    vi.advanceTimersByTime(100);
    expect(calls).toBe(1);
  });

  it("waits as long as a platform can where it is asked for longer, not no time at all", () => {
    let calls = 0;
    systemClock.setTimer(() => calls++, 1e12);
    vi.advanceTimersByTime(1_000_000);
    expect(calls).toBe(0);
    vi.clearAllTimers();
  });

  it("tells the platform whether a timer keeps it alive, where the platform asks", () => {
    const told: string[] = [];
    const timer = { ref: () => told.push("ref"), unref: () => told.push("unref") };
    systemClock.keepAlive(timer, false);
    systemClock.keepAlive(timer, true);
    for (const handle of [5, null, undefined]) systemClock.keepAlive(handle, false);
    expect(told).toEqual(["unref", "ref"]);
  });

  it.each([
    [{ userAgent: "Cloudflare-Workers" }, false],
    [{ userAgent: "Node.js/24" }, true],
    [{}, true],
    [undefined, true],
  ])("under navigator %j shares timers between calls: %s", (navigator, shares) => {
    vi.stubGlobal("navigator", navigator);
    expect(systemClock.sharesTimers()).toBe(shares);
  });
});
