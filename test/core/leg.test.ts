import { describe, expect, it, vi } from "vitest";
import { Leg } from "../../src/core/leg.ts";

/** A caller's signal that counts who listens. */
function watched() {
  const controller = new AbortController();
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  const listeners = new Set<unknown>();
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners.add(args[1]);
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners.delete(args[1]);
    remove(...args);
  };
  return { signal, listeners, abort: (reason: unknown) => controller.abort(reason) };
}

/** A listener that remembers what it heard. */
function ear() {
  const heard: unknown[] = [];
  return { heard, onAbort: (reason: unknown) => void heard.push(reason) };
}

const root = (signal?: AbortSignal) => new Leg(undefined, signal, false);

describe("Leg", () => {
  it("without caller's signal, parent or end of its own never aborts", () => {
    const leg = root();
    const listener = ear();
    leg.add(listener);
    leg.remove(listener);
    expect([leg.aborted, leg.reason, leg.signal.aborted]).toEqual([false, undefined, false]);
    expect(leg.signal).toBe(leg.signal);
  });

  it("passes the caller's own signal through where nothing else bounds it", () => {
    const { signal, listeners } = watched();
    const leg = root(signal);
    expect(leg.signal).toBe(signal);
    expect(new Leg(leg, undefined, false).signal).toBe(signal);
    expect(listeners.size).toBe(0);
  });

  it("tells its listeners of the caller's abort, with the reason as it is", () => {
    const { signal, abort } = watched();
    const leg = root(signal);
    const ears = [ear(), ear(), ear()];
    for (const each of ears) leg.add(each);
    abort("navigated");
    expect(ears.map(({ heard }) => heard)).toEqual([["navigated"], ["navigated"], ["navigated"]]);
    expect([leg.aborted, leg.reason]).toEqual([true, "navigated"]);
  });

  it("tells nobody who has left", () => {
    const { signal, abort, listeners } = watched();
    const leg = root(signal);
    const [first, second, third] = [ear(), ear(), ear()];
    for (const each of [first, second, third]) leg.add(each);
    leg.remove(first);
    leg.remove(third);
    expect(listeners.size).toBe(1);
    abort("x");
    expect([first.heard, second.heard, third.heard]).toEqual([[], ["x"], []]);
  });

  it("listens to the caller's signal only while somebody listens to it", () => {
    const { signal, listeners } = watched();
    const leg = root(signal);
    const [first, second] = [ear(), ear()];
    expect(listeners.size).toBe(0);
    leg.add(first);
    leg.add(second);
    expect(listeners.size).toBe(1);
    leg.remove(first);
    expect(listeners.size).toBe(1);
    leg.remove(second);
    expect(listeners.size).toBe(0);
    leg.remove(second);
    expect(listeners.size).toBe(0);
  });

  it("that forks ends alone, and with its parent", () => {
    const { signal, abort } = watched();
    const leg = root(signal);
    const [one, two] = [leg.fork(), leg.fork()];
    one.abort("lost");
    expect([one.aborted, one.reason, two.aborted, leg.aborted]).toEqual([true, "lost", false, false]);
    abort("all");
    expect([one.reason, two.reason, two.aborted]).toEqual(["lost", "all", true]);
  });

  it("aborts the signals of all legs within it", () => {
    const { signal, abort, listeners } = watched();
    const fork = root(signal).fork();
    const within = fork.fork();
    const seen = within.signal;
    expect(seen).not.toBe(signal);
    expect(listeners.size).toBe(1);
    abort("x");
    expect([seen.aborted, seen.reason, fork.signal.reason]).toEqual([true, "x", "x"]);
    expect(listeners.size).toBe(0);
  });

  it("ends once, with its first reason", () => {
    const leg = root().fork();
    const listener = ear();
    leg.add(listener);
    leg.abort("first");
    leg.abort("second");
    expect([leg.reason, listener.heard]).toEqual(["first", ["first"]]);
  });

  it("gives an aborted signal to who reads it after its end", () => {
    const { signal, abort } = watched();
    const leg = root(signal).fork();
    abort("x");
    expect([leg.signal.aborted, leg.signal.reason]).toEqual([true, "x"]);
    expect(leg.aborted).toBe(true);
  });

  it("hears the caller's signal and its parent where it has both", () => {
    for (const which of [0, 1]) {
      const [outer, own] = [watched(), watched()];
      const leg = new Leg(root(outer.signal), own.signal, false);
      const { signal } = leg;
      expect([signal === outer.signal, signal === own.signal]).toEqual([false, false]);
      [outer, own][which]?.abort(which);
      expect([signal.reason, leg.reason, leg.aborted]).toEqual([which, which, true]);
      expect([outer.listeners.size, own.listeners.size]).toEqual([0, 0]);
    }
  });

  it("lets a listener leave while it is told of the end", () => {
    const leg = root().fork();
    const second = ear();
    leg.add({ onAbort: () => leg.remove(second) });
    leg.add(second);
    expect(() => leg.abort("x")).not.toThrow();
  });

  describe("when it settles", () => {
    it("lets go of the caller's signal, though its own signal was read", () => {
      const { signal, listeners } = watched();
      const leg = root(signal).fork();
      leg.signal;
      expect(listeners.size).toBe(1);
      leg.settle({ value: 1 });
      expect(listeners.size).toBe(0);
    });

    it.each<[string, unknown]>([
      ["nothing", undefined],
      ["null", null],
      ["a Response without a body", new Response(null)],
      ["an object with another body", { body: "text" }],
    ])("with %s lets go", (_, value) => {
      const { signal, listeners } = watched();
      const leg = root(signal).fork();
      leg.signal;
      leg.settle(value);
      expect(listeners.size).toBe(0);
    });

    it("with a Response stays linked while its body may be read: the caller's abort reaches the inner signal", () => {
      const { signal, abort, listeners } = watched();
      const outer = root(signal);
      const inner = outer.fork();
      const seen = inner.signal;
      const response = new Response("body");
      inner.settle(response);
      outer.settle(response);
      expect(listeners.size).toBe(1);
      abort("stop reading");
      expect(seen.reason).toBe("stop reading");
      expect(listeners.size).toBe(0);
    });

    it("with a Response lets go where nobody has read its signal", () => {
      const { signal, listeners } = watched();
      const leg = root(signal).fork();
      const listener = ear();
      leg.add(listener);
      leg.remove(listener);
      leg.settle(new Response("body"));
      expect(listeners.size).toBe(0);
    });

    it("does nothing where it never listened", () => {
      expect(() => root().settle(new Response("body"))).not.toThrow();
    });

    it("with a Response works where the platform has no FinalizationRegistry", () => {
      vi.stubGlobal("FinalizationRegistry", undefined);
      const { signal, abort } = watched();
      const call = root(signal);
      const leg = call.fork();
      const seen = leg.signal;
      const response = new Response("body");
      leg.settle(response);
      call.settle(response, true);
      abort("x");
      expect(seen.aborted).toBe(true);
      vi.unstubAllGlobals();
    });
  });
});
