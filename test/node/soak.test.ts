import { describe, expect, it } from "vitest";
import { growthOf, ofHeap, ofProcess } from "../soak/growth.ts";

const mb = 1024 * 1024;
const hour = (at: (sample: number) => number): readonly number[] =>
  Array.from({ length: 40 }, (_, sample) => at(sample) * mb);

describe("soak > growthOf", () => {
  it.each<[string, readonly number[], boolean]>([
    ["what stays", hour(() => 200), false],
    ["what saws", hour((sample) => 200 + (sample % 4) * 20), false],
    ["what only warms up", hour((sample) => (sample < 10 ? sample * 20 : 200)), false],
    ["what grows by 5 MB a sample", hour((sample) => 200 + sample * 5), true],
    ["what doubles", hour((sample) => (sample < 30 ? 100 : 200)), true],
  ])("%s, of a process", (_, samples, grows) => {
    expect(growthOf(samples, ofProcess).grows).toBe(grows);
  });

  /** 200 events a second leave so many bytes each. */
  const leak = (bytes: number) => hour((sample) => 10 + (((sample / 40) * 3_600 * 200) / mb) * bytes);

  it.each<[string, readonly number[], boolean]>([
    ["what stays", hour(() => 10), false],
    ["what saws", hour((sample) => 10 + (sample % 4) / 5), false],
    ["what has more under way late", hour((sample) => (sample > 25 && sample % 4 > 0 ? 14 : 10)), false],
    ["what fills its windows", hour((sample) => 10 + Math.min(sample, 10)), false],
    ["an hour's leak of 8 bytes an event", leak(8), true],
    ["an hour's leak of 100 bytes an event", leak(100), true],
  ])("%s, of a collected heap", (_, samples, grows) => {
    expect(growthOf(samples, ofHeap).grows).toBe(grows);
  });

  it("needs samples of each quarter", () => {
    expect(() => growthOf([1, 2, 3], ofHeap)).toThrow("growth needs at least 4 samples, but there are 3");
  });
});
