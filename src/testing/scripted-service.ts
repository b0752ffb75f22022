import type { Context } from "../core/context.ts";
import type { Service } from "../core/policy.ts";

/** A call that has reached the service and waits for the test to answer it. */
export interface ScriptedCall<Req, Res> {
  readonly request: Req;
  readonly context: Context;
  /** Whether it has been answered. */
  readonly settled: boolean;
  succeed(response: Res): void;
  fail(error: unknown): void;
}

/** A service that the test plays by hand. */
export interface ScriptedService<Req, Res> extends Service<Req, Res> {
  /** All calls that reached it, first to last. */
  readonly calls: readonly ScriptedCall<Req, Res>[];
  /** The last call that reached it. */
  readonly last: ScriptedCall<Req, Res>;
  /** Answers the next calls by itself, in order; later ones wait for the test again. */
  script(...answers: (() => Res | Promise<Res>)[]): void;
}

/**
 * Makes a service whose calls wait until the test answers them, and which remembers what it saw.
 *
 * @example
 * const origin = scriptedService<void, string>();
 * const call = policy.wrap(origin)();
 * origin.last.fail(new Error("reset"));
 * await clock.advance(100);
 * origin.last.succeed("ok");
 */
export function scriptedService<Req = void, Res = unknown>(): ScriptedService<Req, Res> {
  const calls: ScriptedCall<Req, Res>[] = [];
  const answers: (() => Res | Promise<Res>)[] = [];

  function service(request: Req, context: Context): Promise<Res> {
    const { promise, resolve, reject } = withResolvers<Res>();
    let settled = false;
    const call: ScriptedCall<Req, Res> = {
      request,
      context,
      get settled() {
        return settled;
      },
      succeed(response) {
        settled = true;
        resolve(response);
      },
      fail(error) {
        settled = true;
        reject(error);
      },
    };
    calls.push(call);
    const answer = answers.shift();
    if (answer !== undefined) {
      settled = true;
      new Promise<Res>((done) => done(answer())).then(resolve, reject);
    }
    return promise;
  }

  return Object.defineProperties(service, {
    calls: { value: calls },
    last: {
      get: () => {
        const last = calls.at(-1);
        if (last === undefined) throw new Error("no call has reached the scripted service");
        return last;
      },
    },
    script: {
      value: (...more: (() => Res | Promise<Res>)[]) => {
        answers.push(...more);
      },
    },
  }) as ScriptedService<Req, Res>;
}

/** `Promise.withResolvers`, which Node 20 lacks. */
function withResolvers<T>(): {
  promise: Promise<T>;
  resolve: (value: T | PromiseLike<T>) => void;
  reject: (reason: unknown) => void;
} {
  let resolve!: (value: T | PromiseLike<T>) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
