import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type MetricFamily, prometheusText } from "../../src/telemetry/index.ts";

const family = (more: Partial<MetricFamily> = {}): MetricFamily => ({
  name: "calls_total",
  help: "Calls that ended.",
  type: "counter",
  samples: [[{}, 1]],
  ...more,
});

describe("prometheusText", () => {
  it("writes each family with its help, its type and its samples", () => {
    const text = prometheusText([
      family({
        samples: [
          [{ policy: "prices", result: "success" }, 5],
          [{ policy: "reviews", result: "failure" }, 0.25],
        ],
      }),
      family({ name: "open", type: "gauge", help: "Now." }),
    ]);
    expect(text).toBe(`# HELP calls_total Calls that ended.
# TYPE calls_total counter
calls_total{policy="prices",result="success"} 5
calls_total{policy="reviews",result="failure"} 0.25
# HELP open Now.
# TYPE open gauge
open 1
`);
  });

  it("writes help and type of a family without samples", () => {
    expect(prometheusText([family({ samples: [] })])).toBe(
      "# HELP calls_total Calls that ended.\n# TYPE calls_total counter\n",
    );
  });

  it.each([
    ['say "hi"', 'say \\"hi\\"'],
    ["C:\\temp", "C:\\\\temp"],
    ["two\nlines", "two\\nlines"],
    ["\\n", "\\\\n"],
    ["{a=b} 5", "{a=b} 5"],
    ["ü", "ü"],
  ])("escapes the label %j", (value, escaped) => {
    expect(prometheusText([family({ samples: [[{ policy: value }, 1]] })])).toContain(
      `\ncalls_total{policy="${escaped}"} 1\n`,
    );
  });

  it("escapes backslashes and line ends in help, and no quotes", () => {
    expect(prometheusText([family({ help: 'a\\b\n"c"' })])).toContain('# HELP calls_total a\\\\b\\n"c"\n');
  });

  it.each([
    [1e21, "1e+21"],
    [0.1, "0.1"],
    [Infinity, "+Inf"],
    [-Infinity, "-Inf"],
    [Number.NaN, "NaN"],
  ])("writes %d as %s", (value, written) => {
    expect(prometheusText([family({ samples: [[{}, value]] })])).toContain(`\ncalls_total ${written}\n`);
  });

  it("lets any label value be read back, each sample on one line", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (value) => {
        const lines = prometheusText([family({ samples: [[{ policy: value }, 1]] })]).split("\n");
        expect(lines).toHaveLength(4);
        const quoted = /^calls_total\{policy="(.*)"\} 1$/su.exec(lines[2] ?? "")?.[1] ?? "";
        const read = quoted.replaceAll(/\\(.)/gsu, (_, letter: string) => (letter === "n" ? "\n" : letter));
        expect(read).toBe(value);
      }),
    );
  });
});
