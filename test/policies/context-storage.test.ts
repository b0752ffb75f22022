import {
  type AsyncStorage,
  type Context,
  compose,
  contextStorage,
  format,
  parse,
  retry,
  timeout,
} from "ninelives";
import { describe, expect, it } from "vitest";
import { caller, stage } from "./stage.ts";

/** A storage that knows what runs now, but nothing of async boundaries; `test/node` has the real one. */
function syncStorage(): AsyncStorage<Context> {
  let current: Context | undefined;
  return {
    run(value, callback) {
      const outer = current;
      current = value;
      try {
        return callback();
      } finally {
        current = outer;
      }
    },
    getStore: () => current,
  };
}

describe("context storage", () => {
  it("lets the code within find the context that it was not passed", async () => {
    const calls = contextStorage(syncStorage());
    const seen: unknown[] = [];
    const service = async (_: unknown, context: Context) => {
      seen.push(context === calls.current);
      return "ok";
    };
    expect(await compose(timeout("1s"), calls).wrap(service)(undefined)).toBe("ok");
    expect(seen).toEqual([true]);
    expect(calls.current).toBeUndefined();
  });

  it("timeout > retry > context storage: has the deadline and the attempt of its place", async () => {
    const calls = contextStorage(syncStorage());
    const { clock, origin, call } = stage(compose(timeout(100), retry(2), calls));
    const found: unknown[] = [];
    const answer = () => {
      found.push([calls.current?.deadline, calls.current?.attempt]);
      return Promise.reject(new Error("down"));
    };
    origin.script(answer, answer);
    call();
    await clock.advance(100);
    expect(found).toEqual([
      [100, 1],
      [100, 2],
    ]);
    expect(clock.pending).toBe(0);
  });

  it("makes a call with the current context a part of the outer one", async () => {
    const calls = contextStorage(syncStorage());
    const { clock, origin, call } = stage(compose(timeout(100), calls));
    const inner = { signal: undefined as AbortSignal | undefined, deadline: 0 };
    origin.script(() => {
      const made = retry(1).execute(async ({ signal, deadline }) => {
        Object.assign(inner, { signal, deadline });
        return new Promise(() => {});
      }, calls.current);
      caller(made);
      return made;
    });
    call();
    await clock.advance(99);
    expect([inner.signal?.aborted, inner.deadline]).toEqual([false, 100]);
    await clock.advance(1);
    expect(inner.signal?.aborted).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it.each([undefined, null, {}, "als"])("needs a storage, and %j is none", (value) => {
    expect(() => contextStorage(value as never)).toThrow(TypeError);
    expect(() => contextStorage(value as never)).toThrow(
      /^contextStorage: storage must be an AsyncLocalStorage, but is /,
    );
  });

  it("has a text with names from its scope", () => {
    const storage = syncStorage();
    expect(format(parse("contextStorage(store)", { store: storage }))).toBe("contextStorage(store)");
    expect(() => format(contextStorage(storage))).toThrow("contextStorage: argument 1");
  });
});
