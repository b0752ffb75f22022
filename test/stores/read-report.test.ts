import { describe, expect, it } from "vitest";
import { ReportError, readReport } from "../../src/stores/read-report.ts";

const head = { replica: "one", seq: 1, epoch: 0 };
const rules = { openFor: 1, maximumOpenFor: 2, probes: 1, successesToClose: 1 };
const circuit = { ...head, ok: 1, fail: 2, slow: 3, open: false, wantsProbe: true, rules };
const judging = { ...rules, minimumCalls: 20, failureRate: 0.5, slowCallRate: 1 };

describe("readReport", () => {
  it.each([
    ["a circuit, of the first version", circuit],
    ["a circuit that few calls speak of", { ...circuit, few: true, rules: judging }],
    ["a limiter", { kind: "limiter", ...head, demand: 0.25, lease: 0 }],
    ["a lease", { kind: "lease", ...head, wants: true, ttl: 15_000 }],
  ])("takes a report on %s as it is", (_, report) => {
    expect(readReport(JSON.parse(JSON.stringify(report)))).toEqual(report);
  });

  it("takes an infinite rule, which JSON writes as null, for none", () => {
    const never = { ...judging, failureRate: Infinity, slowCallRate: Infinity };
    const sent = JSON.parse(JSON.stringify({ ...circuit, rules: never }));
    expect(readReport(sent)).toEqual({ ...circuit, rules: { ...rules, minimumCalls: 20 } });
  });

  it("takes nothing that a report has not, and nobody's word for more than one", () => {
    expect(readReport({ kind: "circuit", ...circuit, size: 1_000, more: {} })).toEqual(circuit);
  });

  it.each<[string, unknown]>([
    ['kind must be circuit, limiter or lease, but is "mutex"', { ...head, kind: "mutex" }],
    ["demand must be a number, 0 or more, but is -1", { ...head, kind: "limiter", demand: -1, lease: 0 }],
    ["lease must be a whole number", { ...head, kind: "limiter", demand: 1, lease: 0.5 }],
    ['wants must be true or false, but is "yes"', { ...head, kind: "lease", wants: "yes", ttl: 1 }],
    ["ttl must be milliseconds", { ...head, kind: "lease", wants: true, ttl: null }],
    ["few must be true or false, but is 1", { ...circuit, few: 1 }],
    ["rules.minimumCalls must be a whole number", { ...circuit, rules: { ...judging, minimumCalls: 0 } }],
    ["rules.failureRate must be a number", { ...circuit, rules: { ...judging, failureRate: "half" } }],
  ])("refuses: %s", (message, report) => {
    expect(() => readReport(report)).toThrow(ReportError);
    expect(() => readReport(report)).toThrow(message);
  });
});
