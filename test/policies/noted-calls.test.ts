import { describe, expect, it } from "vitest";
import { environment } from "../../src/core/environment.ts";
import { compose, type Policy } from "../../src/core/policy.ts";
import { constant } from "../../src/policies/backoff.ts";
import { cache } from "../../src/policies/cache.ts";
import { circuitBreaker } from "../../src/policies/circuit-breaker.ts";
import { hedge } from "../../src/policies/hedge.ts";
import { retry } from "../../src/policies/retry.ts";
import { timeout } from "../../src/policies/timeout.ts";
import { ManualClock, recordingSink, scriptedService } from "../../src/testing/index.ts";

function stage(policy: Policy<string, unknown>) {
  const clock = new ManualClock();
  const sink = recordingSink();
  const origin = scriptedService<string, string>();
  const call = compose(environment({ clock, sink, name: "prices" }), policy).wrap(origin);
  const of = (type: string) =>
    sink.events
      .filter((event) => event.type === type)
      .map(({ at: _, policy: __, type: ___, ...details }) => details);
  return { clock, sink, origin, call: () => call("price", { key: "k" }), of };
}

const again = retry({ attempts: 3, backoff: constant(0), jitter: "none" });

describe("the end of a request tells", () => {
  it("how each attempt went through each circuit, in the state that it was in", async () => {
    const inner = circuitBreaker({ name: "inner", consecutiveFailures: 2 });
    const { clock, origin, call, of } = stage(compose(again, circuitBreaker({ name: "outer" }), inner));
    const called = call();
    origin.calls[0]?.fail(new Error("reset"));
    await clock.advance(0);
    origin.calls[1]?.succeed("5 €");
    expect(await called).toBe("5 €");
    const through = (circuit: string, result: string) => ({ circuit, state: "closed", result });
    expect(of("request.succeeded")).toMatchObject([
      {
        attempts: 2,
        circuits: [
          through("inner", "failure"),
          through("outer", "failure"),
          through("inner", "success"),
          through("outer", "success"),
        ],
      },
    ]);
  });

  it("of a probe that the circuit was half-open, also when its service never settles", async () => {
    const circuit = circuitBreaker({ name: "c", consecutiveFailures: 1, openFor: "1s" });
    const { clock, origin, call, of } = stage(compose(timeout("5s"), circuit));
    const first = call();
    origin.last?.fail(new Error("reset"));
    await first.catch(() => {});
    await clock.advance(1_000);
    const probe = call();
    await clock.advance(5_000);
    await expect(probe).rejects.toThrow("no answer within 5000 ms");
    expect(of("request.failed")).toMatchObject([
      { circuits: [{ circuit: "c", state: "closed", result: "failure" }], inTime: 1 },
      { circuits: [{ circuit: "c", state: "half-open", result: "failure" }] },
    ]);
    expect(of("request.failed")[1]).toMatchObject({ inTime: undefined });
  });

  it("what says nothing of the service", async () => {
    const { origin, sink, call, of } = stage(circuitBreaker({ name: "c" }));
    const gone = new AbortController();
    const clock = new ManualClock();
    const policy = compose(environment({ sink, clock }), circuitBreaker({ name: "c" }));
    const called = policy.wrap(origin)("price", { signal: gone.signal });
    gone.abort(new Error("gone"));
    origin.last?.fail(gone.signal.reason);
    await expect(called).rejects.toThrow("gone");
    expect(of("request.aborted")).toMatchObject([
      { circuits: [{ circuit: "c", state: "closed", result: "ignored" }] },
    ]);
    const fine = call();
    origin.last?.succeed("5 €");
    await fine;
  });

  it("how many operations ended within their timeout, well or not", async () => {
    const { clock, origin, call, of } = stage(compose(timeout("10s"), again, timeout("1s")));
    const called = call();
    origin.calls[0]?.fail(new Error("reset"));
    await clock.advance(0);
    await clock.advance(1_000);
    await clock.advance(0);
    origin.calls[2]?.succeed("5 €");
    await called;
    expect(of("request.succeeded")).toMatchObject([{ attempts: 3, inTime: 3 }]);
    expect(of("timeout.occurred")).toHaveLength(1);
  });

  it("nothing of circuits and timeouts where there is none", async () => {
    const { origin, call, of } = stage(again);
    const called = call();
    origin.last?.succeed("5 €");
    await called;
    expect(of("request.succeeded")).toEqual([{ attempts: 1, duration: 0, key: "k" }]);
  });

  it("what came since the end of an environment within", async () => {
    const { clock, sink, origin } = stage(again);
    const inner = compose(environment({ name: "inner", sink }), circuitBreaker({ name: "c" }));
    const called = compose(environment({ clock, sink, name: "outer" }), again, inner).wrap(origin)("price");
    origin.calls[0]?.fail(new Error("reset"));
    await clock.advance(0);
    origin.calls[1]?.succeed("5 €");
    await called;
    const told = sink.events.filter(({ type }) => type.startsWith("request."));
    expect(told).toMatchObject([
      { policy: "inner", circuits: [{ result: "failure" }] },
      { policy: "inner", circuits: [{ result: "success" }] },
      { policy: "outer" },
    ]);
    expect(told[2]).toMatchObject({ circuits: undefined });
    expect(sink.events.filter(({ type }) => type === "circuit.called")).toEqual([]);
  });
});

describe("a call through a circuit that outlives its request", () => {
  it("is told by itself", async () => {
    const { clock, origin, call, of } = stage(
      compose(
        cache({ key: () => "k", ttl: "1s", staleWhileRevalidate: "10s" }),
        circuitBreaker({ name: "c" }),
      ),
    );
    const first = call();
    origin.last?.succeed("5 €");
    await first;
    await clock.advance(2_000);
    expect(await call()).toBe("5 €");
    expect(of("circuit.called")).toEqual([]);
    origin.last?.succeed("6 €");
    await clock.advance(0);
    expect(of("circuit.called")).toEqual([{ circuit: "c", state: "closed", result: "success", key: "k" }]);
    expect(of("request.succeeded").filter((event) => "circuits" in event && event.circuits)).toHaveLength(1);
  });

  it("is told as given up where it lost a race", async () => {
    const { clock, origin, call, of } = stage(compose(hedge({ after: "1s" }), circuitBreaker({ name: "c" })));
    const called = call();
    await clock.advance(1_000);
    origin.calls[1]?.succeed("5 €");
    await called;
    origin.calls[0]?.fail(new Error("aborted"));
    await clock.advance(0);
    const circuits = [{ circuit: "c", state: "closed", result: "success" }];
    expect(of("request.succeeded")).toMatchObject([{ circuits }]);
    expect(of("circuit.called")).toEqual([{ circuit: "c", state: "closed", result: "ignored", key: "k" }]);
  });
});

describe("circuit.rejected", () => {
  it("tells the state that the circuit refuses in", async () => {
    const circuit = circuitBreaker({ name: "c", consecutiveFailures: 1, openFor: "1s" });
    const { clock, origin, call, of } = stage(circuit);
    const first = call();
    origin.last?.fail(new Error("reset"));
    await first.catch(() => {});
    await call().catch(() => {});
    await clock.advance(1_000);
    const probe = call();
    await call().catch(() => {});
    expect(of("circuit.rejected")).toMatchObject([{ state: "open" }, { state: "half-open" }]);
    origin.last?.succeed("5 €");
    await probe;
  });
});
