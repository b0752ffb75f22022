import { describe, expect, it } from "vitest";
import { growthOf } from "../soak/growth.ts";

const mb = 1024 * 1024;

describe("soak > growthOf", () => {
  it.each<[string, readonly number[], boolean]>([
    ["what stays", Array.from({ length: 40 }, () => 200), false],
    ["what saws", Array.from({ length: 40 }, (_, index) => 200 + (index % 4) * 20), false],
    ["what only warms up", Array.from({ length: 40 }, (_, index) => (index < 10 ? index * 20 : 200)), false],
    ["what grows by 5 MB a sample", Array.from({ length: 40 }, (_, index) => 200 + index * 5), true],
    ["what doubles", Array.from({ length: 40 }, (_, index) => (index < 30 ? 100 : 200)), true],
  ])("%s", (_, samples, grows) => {
    expect(growthOf(samples.map((each) => each * mb)).grows).toBe(grows);
  });

  it("needs samples of each quarter", () => {
    expect(() => growthOf([1, 2, 3])).toThrow("growth needs at least 4 samples, but there are 3");
  });
});
