import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type MetricFamily, openMetricsText, prometheusText } from "../../src/telemetry/index.ts";

type Numbers = Extract<MetricFamily, { readonly type: "counter" | "gauge" }>;

const family = (more: Partial<Numbers> = {}): Numbers => ({
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
      fc.property(fc.string({ unit: fc.nat(0xd7ff).map((code) => String.fromCharCode(code)) }), (value) => {
        const lines = prometheusText([family({ samples: [[{ policy: value }, 1]] })]).split("\n");
        expect(lines).toHaveLength(4);
        const quoted = /^calls_total\{policy="(.*)"\} 1$/su.exec(lines[2] ?? "")?.[1] ?? "";
        const read = quoted.replaceAll(/\\(.)/gsu, (_, letter: string) => (letter === "n" ? "\n" : letter));
        expect(read).toBe(value);
      }),
    );
  });
});

const seconds: MetricFamily = {
  name: "call_duration_seconds",
  help: 'How "long".',
  type: "histogram",
  unit: "seconds",
  samples: [
    [
      { policy: "prices" },
      {
        bounds: [0.1, 1],
        counts: [3, 0, 2],
        sum: 12.5,
        exemplars: [
          undefined,
          undefined,
          { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", value: 6, at: 1_500 },
        ],
      },
    ],
  ],
};

describe("histograms", () => {
  it("are written with cumulative buckets, their sum and their count", () => {
    expect(prometheusText([seconds])).toBe(`# HELP call_duration_seconds How "long".
# TYPE call_duration_seconds histogram
call_duration_seconds_bucket{policy="prices",le="0.1"} 3
call_duration_seconds_bucket{policy="prices",le="1"} 3
call_duration_seconds_bucket{policy="prices",le="+Inf"} 5
call_duration_seconds_sum{policy="prices"} 12.5
call_duration_seconds_count{policy="prices"} 5
`);
  });
});

describe("openMetricsText", () => {
  it("names a counter's family without its suffix, writes units and exemplars, and ends", () => {
    expect(
      openMetricsText([
        family({ samples: [[{ policy: "a" }, 2]] }),
        family({ name: "open", type: "gauge" }),
        seconds,
      ]),
    ).toBe(`# TYPE calls counter
# HELP calls Calls that ended.
calls_total{policy="a"} 2
# TYPE open gauge
# HELP open Calls that ended.
open 1
# TYPE call_duration_seconds histogram
# UNIT call_duration_seconds seconds
# HELP call_duration_seconds How \\"long\\".
call_duration_seconds_bucket{policy="prices",le="0.1"} 3
call_duration_seconds_bucket{policy="prices",le="1"} 3
call_duration_seconds_bucket{policy="prices",le="+Inf"} 5 # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} 6 1.5
call_duration_seconds_sum{policy="prices"} 12.5
call_duration_seconds_count{policy="prices"} 5
# EOF
`);
  });

  it("ends even when there is nothing", () => {
    expect(openMetricsText([])).toBe("# EOF\n");
  });
});
