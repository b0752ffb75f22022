import type { PolicyEvent } from "ninelives";
import { metricsOf, Observer } from "ninelives/observer";
import { prometheusText } from "ninelives/telemetry";
import { describe, expect, it } from "vitest";
import { promtool } from "./promtool.ts";

const now = Date.UTC(2026, 0, 1);

/** What is worst to write: every kind of event, and names with all that a label must escape. */
function busy(): Observer {
  const observer = new Observer(now);
  const names = ["prices", 'say "hi"', "C:\\temp", "two\nlines", "{a=b} 5", "ü€😀", "# HELP"];
  const events = names.flatMap((policy): PolicyEvent[] => {
    const stamp = { policy, at: now };
    const circuit = `${policy}'s`;
    return [
      { ...stamp, type: "request.succeeded", duration: 5, attempts: 1 },
      { ...stamp, type: "request.failed", duration: 500, attempts: 3, kind: "value" },
      { ...stamp, type: "retry.attempted", attempt: 1, delay: 100, kind: "value" },
      { ...stamp, type: "timeout.occurred", after: 500 },
      { ...stamp, type: "circuit.rejected", circuit },
      {
        ...stamp,
        type: "circuit.opened",
        circuit,
        from: "closed",
        failureRate: 1,
        openFor: 5,
        reason: "failures",
      },
      { ...stamp, type: "circuit.half-opened", circuit, from: "open" },
      { ...stamp, type: "circuit.closed", circuit, from: "half-open", openFor: 5 },
    ];
  });
  const source = { id: "abc", kind: "node" } as const;
  observer.fold({ source, sentAt: now, dropped: 7, events }, now);
  return observer;
}

describe("promtool check metrics", () => {
  it("complains of nothing in the metrics of a busy observer", { timeout: 300_000 }, () => {
    expect(promtool(prometheusText(metricsOf(busy(), now)))).toBe("");
  });

  it("complains of nothing in the metrics of one that saw nothing", () => {
    expect(promtool(prometheusText(metricsOf(new Observer(now), now)))).toBe("");
  });

  it("would complain", () => {
    expect(promtool('calls{policy="unended} 5\n')).not.toBe("");
    expect(
      promtool(prometheusText([{ name: "calls", help: "", type: "counter", samples: [[{}, 1]] }])),
    ).not.toBe("");
  });
});
