import { adaptive, compose, isRejected, retry, timeout } from "ninelives";
import { type WorkerPool, type WorkerPoolOptions, workerPool } from "ninelives/worker-pool";
import { afterEach, describe, expect, it } from "vitest";

/** What a pool does wherever there are workers. */
export function workerPoolContract(runtime: string, module: URL): void {
  describe(`workerPool in ${runtime}`, () => {
    const pools: { close(): void }[] = [];
    afterEach(() => {
      for (const pool of pools.splice(0)) pool.close();
    });
    const pool = <Req, Res>(name: string, options: Partial<WorkerPoolOptions> = {}): WorkerPool<Req, Res> => {
      const made = workerPool<Req, Res>({ module, export: name, size: 1, ...options });
      pools.push(made);
      return made;
    };
    const failure = (call: Promise<unknown>): Promise<unknown> =>
      call.then(
        (value) => {
          throw new Error(`it gave ${String(value)}`);
        },
        (error: unknown) => error,
      );

    it("runs the default export of a module, many at a time and in order of no matter", async () => {
      const double = workerPool<number, number>({ module, size: 2, queue: 20, maximumWait: "30s" });
      pools.push(double);
      const inputs = Array.from({ length: 20 }, (_, index) => index);
      expect(await Promise.all(inputs.map((input) => double(input)))).toEqual(
        inputs.map((input) => input * 2),
      );
      expect([double.active, double.queued]).toEqual([0, 0]);
    });

    it("clones what goes in and what comes out", async () => {
      const echo = pool<object, { map: Map<string, Date>; bytes: Uint8Array }>("echo");
      const input = { map: new Map([["then", new Date(5)]]), bytes: new Uint8Array([1, 2]) };
      const output = await echo(input);
      expect(output).not.toBe(input);
      expect(output.map.get("then")?.getTime()).toBe(5);
      expect([...output.bytes]).toEqual([1, 2]);
    });

    it("keeps its workers", async () => {
      const count = pool<void, number>("count");
      expect([await count(), await count(), await count()]).toEqual([1, 2, 3]);
    });

    it("hands errors on with their message, their name and what their class added", async () => {
      const fail = pool<string, never>("fail");
      const own = await failure(fail("own"));
      expect(own).toBeInstanceOf(Error);
      expect(own).toMatchObject({ name: "OutOfStock", message: "no rope left", article: "rope" });
      expect(own).not.toHaveProperty("reorder");
      expect(await failure(fail("range"))).toBeInstanceOf(RangeError);
      expect(await failure(fail("text"))).toBe("just a text");
      expect(await failure(fail("function"))).toBeInstanceOf(Error);
    });

    it("rejects what cannot be cloned, in or out, and goes on", async () => {
      const echo = pool<unknown, unknown>("echo");
      expect(await failure(echo(() => {}))).toMatchObject({ name: "DataCloneError" });
      expect(await echo(5)).toBe(5);
      const out = pool<void, unknown>("uncloneable");
      expect(await failure(out())).toMatchObject({ name: "DataCloneError" });
      expect([echo.active, out.active]).toEqual([0, 0]);
    });

    it("says what a module lacks, and does not remember a module that could not be loaded", async () => {
      expect(await failure(pool<void, void>("missing")())).toMatchObject({
        message: expect.stringContaining("exports no function missing"),
      });
      expect(await failure(pool<void, void>("noFunction")())).toBeInstanceOf(TypeError);
      const nowhere = pool<void, void>("default", { module: new URL("./nowhere.js", module) });
      expect(await failure(nowhere())).toBeInstanceOf(Error);
      expect(await failure(nowhere())).toBeInstanceOf(Error);
      expect(nowhere.active).toBe(0);
    });

    it("rejects at once with the caller's reason, and replaces the worker that is hung", async () => {
      for (const name of ["hang", "wait"]) {
        const controller = new AbortController();
        const hung = pool<void, void>(name);
        const call = failure(hung(undefined, { signal: controller.signal }));
        const reason = new Error("no longer wanted");
        controller.abort(reason);
        expect(await call).toBe(reason);
        expect(hung.active).toBe(0);
      }
      const count = pool<void, number>("count");
      expect(await count()).toBe(1);
      const controller = new AbortController();
      const late = failure(count(undefined, { signal: controller.signal }));
      controller.abort();
      expect(await late).toMatchObject({ name: "AbortError" });
      // A new worker, that nobody has asked yet.
      expect(await count()).toBe(1);
    });

    it("timeout > workerPool: a call that hangs is cut off, and its worker replaced", async () => {
      const hang = compose(timeout("50ms")).wrap(pool<void, void>("hang"));
      for (const again of [1, 2]) expect(isRejected(await failure(hang()), "timeout"), `${again}`).toBe(true);
    });

    it("retry > timeout > workerPool: each attempt has a worker that is free", async () => {
      const hung = pool<void, void>("hang");
      const tries = compose(retry({ attempts: 3, jitter: "none", backoff: () => 0 }), timeout("20ms")).wrap(
        hung,
      );
      expect(isRejected(await failure(tries()), "timeout")).toBe(true);
      expect(hung.active).toBe(0);
    });

    it("survives what a worker throws outside of any call", async () => {
      const stray = pool<void, void>("stray");
      expect(await failure(stray())).toMatchObject({ message: expect.stringContaining("stray") });
      expect(await failure(stray())).toMatchObject({ message: expect.stringContaining("stray") });
    });

    it("rejects a call that finds neither worker nor place", async () => {
      const wait = pool<void, void>("wait");
      const first = failure(wait());
      const second = await failure(wait());
      expect(second).toMatchObject({ kind: "bulkhead-full", policy: "workerPool" });
      expect([wait.active, wait.queued]).toEqual([1, 0]);
      wait.close();
      expect(isRejected(await first, "pool-closed")).toBe(true);
    });

    it("lets a call wait for a worker, at most so long", async () => {
      const wait = pool<void, void>("wait", { queue: 1, maximumWait: "20ms" });
      const first = failure(wait());
      const second = failure(wait());
      expect(wait.queued).toBe(1);
      expect(await second).toMatchObject({ kind: "bulkhead-full" });
      wait.close();
      await first;
    });

    it("follows an adaptive size", async () => {
      const size = adaptive(2);
      const count = pool<void, number>("count", { size, queue: 5, maximumWait: "30s" });
      const both = await Promise.all([count(), count()]);
      expect(both).toEqual([1, 1]);
      size.set(1);
      // One of the two workers is left over, and goes.
      const seen = [await count(), await count(), await count()];
      expect(seen.at(-1)).toBeGreaterThan(2);
    });

    it("is closed for good", async () => {
      const echo = pool<number, number>("echo", { queue: 1, maximumWait: "30s" });
      expect(await echo(1)).toBe(1);
      const wait = [failure(echo(2)), failure(echo(3))];
      echo.close();
      echo.close();
      for (const call of wait) expect(isRejected(await call, "pool-closed")).toBe(true);
      expect(isRejected(await failure(echo(4)), "pool-closed")).toBe(true);
    });

    it.each<[Partial<WorkerPoolOptions>, string]>([
      [{ module: "https://" }, "workerPool: module must be a URL"],
      [{ size: 0 }, "workerPool: size must be a whole number of at least 1, but is 0"],
      [{ queue: 1 }, "workerPool: maximumWait is required with a queue"],
      [
        { workers: 1 } as Partial<WorkerPoolOptions>,
        'workerPool has no option "workers"; it has module, export',
      ],
    ])("refuses %j when it is made", (options, message) => {
      expect(() => pool("default", options)).toThrow(message);
    });
  });
}
