import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { type Context, compose, contextStorage, isRejected, retry, timeout } from "ninelives";
import { describe, expect, it } from "vitest";

describe("context storage with AsyncLocalStorage", () => {
  it("finds the context across async boundaries, each call its own", async () => {
    const calls = contextStorage(new AsyncLocalStorage<Context>());
    const policy = compose(retry(1), calls);
    const deep = async () => {
      await sleep(1);
      await Promise.resolve();
      return calls.current?.key;
    };
    const keys = await Promise.all(["a", "b"].map((key) => policy.execute(() => deep(), { key })));
    expect(keys).toEqual(["a", "b"]);
    expect(calls.current).toBeUndefined();
  });

  it("aborts what was called deep within", async () => {
    const calls = contextStorage(new AsyncLocalStorage<Context>());
    const deep = async () => {
      await Promise.resolve();
      await sleep(60_000, undefined, { signal: calls.current?.signal });
    };
    const call = compose(timeout(5), calls).execute(() => deep());
    await expect(call).rejects.toSatisfy((error) => isRejected(error, "timeout"));
  });
});
