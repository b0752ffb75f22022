import { expect, it, vi } from "vitest";
import { Leg } from "../../src/core/leg.ts";

it("a Response that is collected lets its legs go of the caller's signal", () => {
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
  const { signal } = new AbortController();
  const remove = vi.spyOn(signal, "removeEventListener");
  const outer = new Leg(undefined, signal, false);
  const inner = outer.fork();
  inner.signal;
  const response = new Response("body");
  inner.settle(response);
  outer.settle(response);
  expect(registered.map(([value]) => value)).toEqual([response, response]);
  expect(remove).not.toHaveBeenCalled();
  for (const [, held] of registered) collect(held);
  expect(remove).toHaveBeenCalledTimes(1);
  vi.unstubAllGlobals();
});
