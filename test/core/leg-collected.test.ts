import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";

describe("a body that is collected", () => {
  const registered: [unknown, unknown][] = [];
  let collect: (held: unknown) => void = () => {};
  let Leg: typeof import("../../src/core/leg.ts").Leg;

  beforeAll(async () => {
    vi.stubGlobal(
      "FinalizationRegistry",
      class {
        constructor(callback: (held: unknown) => void) {
          collect = callback;
        }
        register(value: unknown, held: unknown): void {
          registered.push([value, held]);
        }
      },
    );
    // The registry is made once: a module of its own has the one of this file.
    // @ts-expect-error: the compiler knows no queries
    ({ Leg } = await import("../../src/core/leg.ts?collected"));
  });

  beforeEach(() => {
    registered.length = 0;
  });

  afterAll(() => {
    vi.unstubAllGlobals();
  });

  it("lets the leg of its call go of the caller's signal, and with it those within", () => {
    const { signal } = new AbortController();
    const remove = vi.spyOn(signal, "removeEventListener");
    const outer = new Leg(undefined, signal, false);
    const inner = outer.fork();
    inner.signal;
    const response = new Response("body");
    inner.settle(response);
    outer.settle(response, true);
    expect(registered).toEqual([[response.body, outer]]);
    expect(remove).not.toHaveBeenCalled();
    collect(outer);
    expect(remove).toHaveBeenCalledTimes(1);
  });

  it("lets its own leg go where many gather in a call that goes on", () => {
    const outer = new Leg(undefined, new AbortController().signal, false);
    const legs = Array.from({ length: 5 }, () => {
      const inner = outer.fork();
      inner.signal;
      inner.settle(new Response("body"));
      return inner;
    });
    expect(registered.map(([, held]) => held)).toEqual(legs.slice(2));
  });
});
