import { expect, it, vi } from "vitest";

it("a body that is collected lets the leg of its call go of the caller's signal, and with it those within", async () => {
  const registered: [unknown, unknown][] = [];
  let collect: (held: unknown) => void = () => {};
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
  // The registry is made once: in a module of its own the one of this test.
  vi.resetModules();
  const { Leg } = await import("../../src/core/leg.ts");
  const { signal } = new AbortController();
  const remove = vi.spyOn(signal, "removeEventListener");
  const outer = new Leg(undefined, signal, false);
  const inner = outer.fork();
  inner.signal;
  const response = new Response("body");
  inner.settle(response);
  outer.settleCall(response);
  expect(registered).toEqual([[response.body, outer]]);
  expect(remove).not.toHaveBeenCalled();
  collect(outer);
  expect(remove).toHaveBeenCalledTimes(1);
  vi.unstubAllGlobals();
});
