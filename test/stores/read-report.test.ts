import { describe, expect, it } from "vitest";
import { ReportError, readRegionReport, readReport } from "../../src/stores/read-report.ts";

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
    expect(
      readReport({ kind: "circuit", ...circuit, region: { name: "all", size: 1_000 }, more: {} }),
    ).toEqual(circuit);
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

describe("readRegionReport", () => {
  const region = { name: "weur", size: 300, votes: 12, failing: 3, calls: 40 };

  it.each([
    ["quiet", { ...circuit, region }],
    ["with a probe, and whose", { ...circuit, region, probe: { permit: "3.1", ok: true, by: "one" } }],
  ])("takes what a region says for its replicas: %s", (_, report) => {
    expect(readRegionReport(JSON.parse(JSON.stringify(report)))).toEqual(report);
  });

  it.each<[string, unknown]>([
    ["region must be an object, but is undefined", circuit],
    ["region.name must be a text of 1 to 64 characters", { ...circuit, region: { ...region, name: "" } }],
    ["region.size must be a whole number from 1", { ...circuit, region: { ...region, size: 0 } }],
    ["region.votes must be a whole number from 0", { ...circuit, region: { ...region, votes: -1 } }],
    ["region.failing must be a whole number from 0", { ...circuit, region: { ...region, failing: 0.5 } }],
    ["region.calls must be a whole number from 0", { ...circuit, region: { ...region, calls: "many" } }],
    ["probe.by must be a text", { ...circuit, region, probe: { permit: "3.1", ok: true } }],
    ['kind must be circuit, but is "lease"', { kind: "lease", ...head, wants: true, ttl: 1, region }],
    ['kind must be circuit, but is "limiter"', { kind: "limiter", ...head, demand: 1, lease: 0, region }],
  ])("refuses what says nothing for a region: %s", (message, report) => {
    expect(() => readRegionReport(report)).toThrow(message);
    expect(() => readRegionReport(report)).toThrow(ReportError);
  });
});

it("a report that is none is marked, so that its sender drops it", () => {
  const refusal = () => readReport({});
  expect(refusal).toThrow(expect.objectContaining({ refused: true }));
});
