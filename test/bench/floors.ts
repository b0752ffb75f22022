import type { Contestant, Section } from "./measure.ts";

/**
 * What the parts cost that nobody can do without, and the least that a breaker and a stack could be: written by hand for
 * this one purpose, without options, events, classification, or a second policy that could stand beside them.
 */
export function floors(service: (request?: unknown, context?: unknown) => Promise<unknown>): Section {
  const timer = setTimeout(() => {}, 3_600_000);
  timer.unref();
  let read = 0;
  return {
    title: "floors: the bare parts",
    contestants: [
      { name: "bare call", call: () => service() },
      { name: "one then, two closures", call: () => throughThen(service) },
      { name: "one new Promise around one then", call: () => throughPromise(service) },
      { name: "an async function around it", call: () => throughAsync(service) },
      {
        name: "a clock read",
        call: () => {
          read += performance.now();
          return service(read);
        },
      },
      {
        name: "a timer's ref and unref",
        call: () => {
          timer.ref();
          timer.unref();
          return service();
        },
      },
      {
        name: "a setTimeout and its clearTimeout",
        call: () => {
          clearTimeout(setTimeout(() => {}, 10_000));
          return service();
        },
      },
      { name: "an AbortController's signal", call: () => service(new AbortController().signal) },
      { name: leastBreakerName, call: leastBreaker(service) },
      { name: leastStackName, call: leastStack(service, false) },
      { name: "the least stack with a signal", call: leastStack(service, true) },
    ],
  };
}

export const leastBreakerName = "the least breaker";
export const leastStackName = "the least stack";

type Call = Contestant["call"];
type Bare = (request?: unknown, context?: unknown) => Promise<unknown>;

let settled = 0;

function throughThen(service: Bare): Promise<unknown> {
  const epoch = settled & 1;
  return service().then(
    (value) => {
      settled += epoch;
      return value;
    },
    (error: unknown) => {
      settled -= epoch;
      throw error;
    },
  );
}

function throughPromise(service: Bare): Promise<unknown> {
  const epoch = settled & 1;
  return new Promise((resolve, reject) => {
    service().then(
      (value) => {
        settled += epoch;
        resolve(value);
      },
      (error: unknown) => {
        settled -= epoch;
        reject(error);
      },
    );
  });
}

async function throughAsync(service: Bare): Promise<unknown> {
  const epoch = settled & 1;
  try {
    const value = await service();
    settled += epoch;
    return value;
  } catch (error) {
    settled -= epoch;
    throw error;
  }
}

/** A ring of the last hundred calls, and an object a call that could carry a signal and a deadline. */
function leastBreaker(service: Bare): Call {
  const marks = new Uint8Array(100);
  let next = 0;
  let failures = 0;
  let epoch = 0;
  const record = (mark: 0 | 1, began: number): void => {
    if (began !== epoch) return;
    failures += mark - (marks[next] as number);
    marks[next] = mark;
    next = next === 99 ? 0 : next + 1;
    if (failures > 50) epoch++;
  };
  return () => {
    const began = epoch;
    const context = { signal: undefined, deadline: Infinity, attempt: 1, key: undefined };
    return service(undefined, context).then(
      (value) => {
        record(0, began);
        return value;
      },
      (error: unknown) => {
        record(1, began);
        throw error;
      },
    );
  };
}

interface Place {
  before: Place;
  after: Place;
}

/** One promise, one clock read, a place in a list of deadlines with one timer, a slot, and the breaker's ring. */
function leastStack(service: Bare, signalled: boolean): Call {
  const marks = new Uint8Array(100);
  const timer = setTimeout(() => {}, 3_600_000);
  timer.unref();
  const line = {} as Place;
  line.before = line.after = line;
  let next = 0;
  let active = 0;
  return () =>
    new Promise((resolve, reject) => {
      const call = {
        before: line.before,
        after: line,
        deadline: performance.now() + 10_000,
        attempt: 1,
        signal: signalled ? new AbortController().signal : undefined,
        reject,
      };
      if (line.after === line) timer.ref();
      call.before.after = line.before = call;
      active++;
      const leave = (mark: 0 | 1): void => {
        active--;
        call.before.after = call.after;
        call.after.before = call.before;
        if (line.after === line) timer.unref();
        marks[next] = mark;
        next = next === 99 ? 0 : next + 1;
      };
      service(active, call).then(
        (value) => {
          leave(0);
          resolve(value);
        },
        (error: unknown) => {
          leave(1);
          reject(error);
        },
      );
    });
}
