import { adaptive, type ChaosOptions, chaos, compose, isRejected, retry, timeout } from "ninelives";
import { seededRandom } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { caller, type Stage, stage } from "./stage.ts";

const down = new Error("down");

/** Which of so many calls were struck by a fault. */
async function struck(at: Stage, count: number): Promise<boolean[]> {
  const list: boolean[] = [];
  for (let call = 0; call < count; call++) {
    const before = at.origin.calls.length;
    at.origin.script(() => "ok");
    at.call();
    await at.clock.advance(0);
    list.push(at.origin.calls.length === before);
  }
  return list;
}

describe("chaos", () => {
  it("fails a call in place of its service", async () => {
    const { clock, origin, sink, call } = stage(chaos({ fault: down, rate: 1 }));
    const seen = call();
    await clock.advance(0);
    expect(seen.error).toBe(down);
    expect(origin.calls.length).toBe(0);
    expect(sink.of("chaos.injected")).toEqual([expect.objectContaining({ chaos: "fault" })]);
    expect(sink.of("request.failed")[0]?.kind).toBe("Error");
    expect(clock.pending).toBe(0);
  });

  it("fails a call with an error of its message, each time a new one", async () => {
    const { clock, call } = stage(chaos({ fault: "connection reset", rate: 1 }));
    const [first, second] = [call(), call()];
    await clock.advance(0);
    expect(first.error).toEqual(new Error("connection reset"));
    expect(second.error).not.toBe(first.error);
  });

  it("fails a call with what a function makes of it", async () => {
    const policy = chaos({ fault: (request, { attempt }) => `${request} ${attempt}`, rate: 1 });
    const { clock, call } = stage(policy);
    const seen = call();
    await clock.advance(0);
    expect(seen.error).toBe("request 1 1");
  });

  it("answers a call in place of its service", async () => {
    const { clock, origin, sink, call } = stage(chaos<unknown>({ outcome: 503, rate: 1 }));
    const seen = call();
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: 503 });
    expect(origin.calls.length).toBe(0);
    expect(sink.of("chaos.injected")).toEqual([expect.objectContaining({ chaos: "outcome" })]);
  });

  it("answers a call with what a function makes of it", async () => {
    const policy = chaos({ outcome: async (request: string) => request.length, rate: 1 });
    const wrapped = policy.wrap(async () => 0);
    await expect(wrapped("seven..")).resolves.toBe(7);
  });

  it("makes a call wait and sends it then", async () => {
    const { clock, origin, sink, call } = stage(chaos({ latency: "2s", rate: 1 }));
    const seen = call();
    await clock.advance(1_999);
    expect(origin.calls.length).toBe(0);
    await clock.advance(1);
    expect(origin.calls.length).toBe(1);
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "ok" });
    expect(sink.types).toEqual(["chaos.injected", "request.succeeded"]);
    expect(sink.of("chaos.injected")[0]?.chaos).toBe("latency");
    expect(clock.pending).toBe(0);
  });

  it("ends its wait at once when the caller aborts", async () => {
    const { clock, origin, call } = stage(chaos({ latency: "1h", rate: 1 }));
    const controller = new AbortController();
    const seen = call({ signal: controller.signal });
    controller.abort("gone");
    await clock.advance(0);
    expect(seen.error).toBe("gone");
    expect(origin.calls.length).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it("does something before the call, and waits for it", async () => {
    const order: string[] = [];
    const policy = chaos({
      behaviour: async (request) => {
        order.push(`emptied for ${request}`);
        await undefined;
        order.push("done");
      },
      rate: 1,
    });
    const { clock, origin, sink, call } = stage(policy);
    call();
    await clock.advance(0);
    order.push(`calls ${origin.calls.length}`);
    expect(order).toEqual(["emptied for request 1", "done", "calls 1"]);
    expect(sink.of("chaos.injected")[0]?.chaos).toBe("behaviour");
  });

  it("does all that it is given to a call that it strikes: behaviour, latency, then the fault", async () => {
    const policy = chaos({ fault: down, latency: 100, behaviour: () => {}, rate: 1 });
    const { clock, origin, sink, call } = stage(policy);
    const seen = call();
    await clock.advance(100);
    expect(seen.error).toBe(down);
    expect(sink.of("chaos.injected").map(({ chaos }) => chaos)).toEqual(["behaviour", "latency", "fault"]);
    expect(origin.calls.length).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it.each([
    [0.001, 0.0009, true],
    [0.001, 0.001, false],
    [1, 0.999_999, true],
    [0, 0, false],
  ])("at a rate of %f and a chance of %f strikes: %s", async (rate, chance, expected) => {
    const at = stage(chaos({ fault: down, rate }), { random: () => chance });
    expect(await struck(at, 1)).toEqual([expected]);
  });

  it("strikes one call in a thousand unless told otherwise", async () => {
    let chance = 0.001;
    const at = stage(chaos({ fault: down }), { random: () => chance });
    expect(await struck(at, 1)).toEqual([false]);
    chance = 0.000_999;
    expect(await struck(at, 1)).toEqual([true]);
  });

  it("strikes the same calls with the same seed, about as many as the rate says", async () => {
    const first = await struck(stage(chaos({ fault: down, rate: 0.3, seed: 42 })), 200);
    const second = await struck(stage(chaos({ fault: down, rate: 0.3, seed: 42 })), 200);
    const other = await struck(stage(chaos({ fault: down, rate: 0.3, seed: 43 })), 200);
    expect(second).toEqual(first);
    expect(other).not.toEqual(first);
    const random = seededRandom(42);
    expect(first).toEqual(Array.from({ length: 200 }, () => random() < 0.3));
  });

  it("strikes nothing while it is switched off", async () => {
    const enabled = adaptive(false);
    const at = stage(chaos({ fault: down, rate: 1, enabled }));
    expect(await struck(at, 1)).toEqual([false]);
    enabled.set(true);
    expect(await struck(at, 1)).toEqual([true]);
    expect(() => enabled.set("no" as unknown as boolean)).toThrow(
      'chaos: enabled must be true or false, but is "no"',
    );
  });

  it("lets a function of the context choose whom to strike, and how hard", async () => {
    const policy = chaos({
      latency: ({ key }) => (key === "slow" ? 500 : 100),
      rate: ({ key }) => (key === undefined ? 0 : 1),
      enabled: ({ key }) => key !== "vip",
    });
    const { clock, origin, call } = stage(policy);
    call();
    call({ key: "vip" });
    expect(origin.calls.length).toBe(2);
    call({ key: "slow" });
    call({ key: "fast" });
    await clock.advance(100);
    expect(origin.calls.length).toBe(3);
    await clock.advance(400);
    expect(origin.calls.length).toBe(4);
    expect(clock.pending).toBe(0);
  });

  it("retry > chaos: is taken for the service's failure", async () => {
    const at = stage(compose(retry({ attempts: 3, jitter: "none" }), chaos({ fault: down, rate: 0.5 })), {
      random: (() => {
        const chances = [0.1, 0.2, 0.9];
        return () => chances.shift() ?? 1;
      })(),
    });
    at.origin.script(() => "ok");
    const seen = at.call();
    await at.clock.advance(1_000);
    expect(seen.seen).toEqual({ value: "ok" });
    expect(at.sink.of("retry.attempted").length).toBe(2);
    expect(at.origin.calls.length).toBe(1);
    expect(at.clock.pending).toBe(0);
  });

  it("timeout > chaos: a latency is cut off", async () => {
    const { clock, origin, call } = stage(compose(timeout(100), chaos({ latency: "30s", rate: 1 })));
    const seen = call();
    await clock.advance(100);
    expect(isRejected(seen.error, "timeout")).toBe(true);
    expect(origin.calls.length).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it("works under no sink", async () => {
    await expect(chaos({ fault: "x", rate: 1 }).execute(async () => "ok")).rejects.toThrow("x");
    expect(caller(Promise.resolve()).seen).toBe("nothing yet");
  });

  it.each<[ChaosOptions, string]>([
    [{}, "chaos: there must be a latency, a fault, an outcome or a behaviour"],
    [{ rate: 1 }, "chaos: there must be a latency, a fault, an outcome or a behaviour"],
    [{ fault: "a", outcome: 1 }, "chaos: a call cannot have both a fault and an outcome; compose two"],
    [{ behaviour: 1 } as unknown as ChaosOptions, "chaos: behaviour must be a function, but is 1"],
    [{ fault: "a", rate: 1.1 }, "chaos: rate must be a number from 0 to 1, but is 1.1"],
    [{ fault: "a", seed: -1 }, "chaos: seed must be a number from 0 to 9007199254740991, but is -1"],
    [{ latency: -1 }, "chaos: latency must be a duration"],
    [{ fault: "a", enabled: 1 } as unknown as ChaosOptions, "chaos: enabled must be true or false, but is 1"],
    [
      { latency: 1, probability: 1 } as ChaosOptions,
      'chaos has no option "probability"; it has rate, latency',
    ],
  ])("refuses %j when it is made", (options, message) => {
    expect(() => chaos(options)).toThrow(message);
  });
});
