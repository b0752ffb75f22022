import { afterEach, describe, expect, it, vi } from "vitest";
import { environment } from "../../src/core/environment.ts";
import { RejectedError } from "../../src/core/errors.ts";
import type { PolicyEvent } from "../../src/core/events.ts";
import { compose, definePolicy, identity } from "../../src/core/policy.ts";
import { bulkhead } from "../../src/policies/bulkhead.ts";
import { retry } from "../../src/policies/retry.ts";
import {
  type BatchOptions,
  batch,
  DeliveryError,
  type EventBatch,
  readBatch,
} from "../../src/telemetry/index.ts";
import { ManualClock, type ScriptedCall, scriptedService, seededRandom } from "../../src/testing/index.ts";

const event = (number = 0): PolicyEvent => ({
  type: "hedge.won",
  policy: "prices",
  at: number,
  hedge: number,
});
const warning = (number = 0): PolicyEvent => ({
  type: "timeout.occurred",
  policy: "prices",
  at: number,
  after: number,
});

/** A shelf that the test can look at. */
function shelf() {
  const events: PolicyEvent[] = [];
  return {
    events,
    take: () => events.splice(0),
    put(more: readonly PolicyEvent[]) {
      events.push(...more);
      return 0;
    },
  };
}

function stage(options: Partial<BatchOptions> = {}) {
  const clock = new ManualClock();
  const collector = scriptedService<EventBatch, void>();
  const sink = batch({
    deliver: collector,
    source: "page",
    maximumSize: 3,
    maximumAge: "1s",
    capacity: 10,
    policy: identity,
    clock,
    random: seededRandom(1),
    ...options,
  });
  const emit = (...numbers: number[]) => {
    for (const number of numbers) sink.emit(event(number));
  };
  const sent = () => collector.calls.map(({ request }) => request.events.map(({ at }) => at));
  return { clock, collector, sink, emit, sent };
}

const succeed = (call: ScriptedCall<EventBatch, void> | undefined) => call?.succeed();

describe("batch", () => {
  it("sends when there are enough events, and not before", () => {
    const { emit, sent } = stage();
    emit(1, 2);
    expect(sent()).toEqual([]);
    emit(3);
    expect(sent()).toEqual([[1, 2, 3]]);
  });

  it("sends when the first event is old enough, and not before", async () => {
    const { clock, emit, sent } = stage();
    emit(1);
    await clock.advance(900);
    emit(2);
    await clock.advance(99);
    expect(sent()).toEqual([]);
    await clock.advance(1);
    expect(sent()).toEqual([[1, 2]]);
  });

  it("sends an event that warns sooner, with what waits already", async () => {
    const { clock, collector, emit, sink, sent } = stage({ maximumSize: 50 });
    emit(1);
    await clock.advance(100);
    sink.emit(warning(2));
    await clock.advance(49);
    expect(sent()).toEqual([]);
    await clock.advance(1);
    expect(sent()).toEqual([[1, 2]]);
    succeed(collector.last);
  });

  it("sends those that warn sooner once in the time that others wait: an outage makes many", async () => {
    const { clock, collector, sink, sent } = stage({ maximumSize: 50, urgentAge: "200ms" });
    for (let at = 0; at < 1_000; at += 100) {
      sink.emit(warning(at));
      await clock.advance(100);
      for (const call of collector.calls) if (!call.settled) call.succeed();
    }
    expect(sent()).toEqual([
      [0, 100],
      [200, 300, 400, 500, 600, 700, 800, 900],
    ]);
  });

  it("waits anew for events that come after a batch", async () => {
    const { clock, collector, emit, sent } = stage();
    emit(1);
    await clock.advance(1_000);
    succeed(collector.last);
    await clock.advance(5_000);
    emit(2);
    await clock.advance(999);
    expect(sent()).toEqual([[1]]);
    await clock.advance(1);
    expect(sent()).toEqual([[1], [2]]);
  });

  it("sends nothing while nothing happens", async () => {
    const { clock, sink, sent } = stage();
    await clock.advance(60_000);
    await sink.flush();
    expect(sent()).toEqual([]);
  });

  it("says what it comes from, when it was sent and what it holds", async () => {
    const { collector, emit, clock, sink } = stage({ source: "worker" });
    emit(1);
    void sink.flush();
    const { request } = collector.last;
    expect(request).toEqual({
      version: 1,
      source: { id: expect.stringMatching(/^[a-z0-9]{4,}$/), kind: "worker" },
      sentAt: clock.wall(),
      dropped: 0,
      events: [event(1)],
    });
    emit(2, 3, 4);
    expect(collector.last.request.source).toEqual(request.source);
  });

  it("gives each sink a name of its own", () => {
    const random = seededRandom(7);
    const names = [stage({ random }), stage({ random })].map(({ collector, emit }) => {
      emit(1, 2, 3);
      return collector.last.request.source.id;
    });
    expect(new Set(names).size).toBe(2);
  });

  it("leaves no timer that anybody waits for", async () => {
    const { clock, emit } = stage();
    emit(1);
    expect(clock.pending).toBe(0);
  });

  it("asks a runtime to stay until the batch is delivered", async () => {
    const work: Promise<unknown>[] = [];
    const { clock, collector, emit } = stage({ waitUntil: (promise) => work.push(promise) });
    emit(1);
    expect(work).toHaveLength(1);
    let settled = false;
    void work[0]?.then(() => {
      settled = true;
    });
    await clock.advance(1_000);
    expect([collector.calls.length, settled]).toEqual([1, false]);
    succeed(collector.last);
    await clock.advance(0);
    expect(settled).toBe(true);
    emit(2, 3, 4);
    expect(work).toHaveLength(3);
  });

  it("promises again when the request that promised was cut off with its timer", async () => {
    const lost = new ManualClock();
    const work: Promise<unknown>[] = [];
    const { emit, sent } = stage({ clock: lost, waitUntil: (promise) => work.push(promise) });
    // A Worker's timer dies with its request.
    lost.setTimer = () => 0;
    lost.keepAlive = () => {};
    emit(1);
    await lost.advance(4_999);
    emit(2);
    expect(work).toHaveLength(1);
    await lost.advance(1);
    emit(3);
    expect(sent()).toEqual([[1, 2, 3]]);
  });

  it("promises again for later events when a promise was kept by nobody", async () => {
    const lost = new ManualClock();
    const work: Promise<unknown>[] = [];
    const { emit } = stage({ clock: lost, maximumSize: 100, waitUntil: (promise) => work.push(promise) });
    lost.setTimer = () => 0;
    lost.keepAlive = () => {};
    emit(1);
    await lost.advance(5_000);
    emit(2);
    expect(work).toHaveLength(2);
  });

  it("counts the events of a delivery that failed, and tells with the next", async () => {
    const { clock, collector, emit, sink } = stage();
    emit(1, 2, 3);
    collector.last.fail(new Error("down"));
    await clock.advance(0);
    expect(sink.dropped).toBe(3);
    emit(4, 5, 6);
    expect(collector.last.request.dropped).toBe(3);
    succeed(collector.last);
    await clock.advance(0);
    emit(7, 8, 9);
    expect(collector.last.request.dropped).toBe(0);
    expect(sink.dropped).toBe(3);
  });

  it("tells of drops again when the batch that told of them was lost too", async () => {
    const { clock, collector, emit } = stage();
    for (const first of [1, 4]) {
      emit(first, first + 1, first + 2);
      collector.last.fail(new Error("down"));
      await clock.advance(0);
    }
    emit(7, 8, 9);
    expect(collector.last.request.dropped).toBe(6);
  });

  it("counts the events that the collector rejected as dropped, and tells of them with the next batch", async () => {
    const { clock, collector, emit, sink } = stage();
    emit(1, 2, 3);
    collector.last.succeed({
      accepted: 1,
      rejected: [
        { index: 0, reason: "no" },
        { index: 2, reason: "no" },
      ],
    } as never);
    await clock.advance(0);
    expect(sink.dropped).toBe(2);
    emit(4, 5, 6);
    expect(collector.last.request.dropped).toBe(2);
  });

  it("sends nothing that the collector would reject for a long or an empty name", async () => {
    const { clock, collector, sink } = stage({ maximumSize: 2 });
    const named = (name: string) => compose(environment({ name, sink }), identity);
    for (const name of ["", "x".repeat(151)]) {
      const failure = Object.assign(new Error("no"), { name });
      await named(name)
        .execute(() => Promise.reject(failure), { key: name })
        .catch(() => {});
    }
    await clock.advance(0);
    const { batch: read, rejected } = readBatch(JSON.parse(JSON.stringify(collector.last.request)));
    expect(rejected).toEqual([]);
    const cut = `${"x".repeat(149)}…`;
    expect(read.events).toMatchObject([
      { policy: "(none)", kind: "(none)" },
      { policy: cut, kind: cut, key: cut },
    ]);
    expect(read.events[0]).not.toHaveProperty("key");
  });

  it("flush settles when all that waited is delivered, and never rejects", async () => {
    const { clock, collector, emit, sink } = stage();
    emit(1, 2);
    let settled = 0;
    void sink.flush().then(() => settled++);
    await clock.advance(0);
    expect(settled).toBe(0);
    collector.last.fail(new Error("down"));
    await clock.advance(0);
    expect(settled).toBe(1);
  });

  it("flush sends all that had to wait for room, in batches", async () => {
    let full = true;
    const room = definePolicy("room", (next) => (request, context) => {
      if (full) return Promise.reject(new RejectedError("bulkhead-full", "room", "full"));
      return next(request, context);
    });
    const { clock, collector, emit, sent, sink } = stage({ policy: room });
    for (let number = 1; number <= 8; number++) {
      emit(number);
      await clock.advance(0);
    }
    expect([sent(), sink.dropped]).toEqual([[], 0]);
    full = false;
    collector.script(
      () => {},
      () => {},
      () => {},
    );
    await sink.flush();
    expect(sent()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
      [7, 8],
    ]);
  });

  it("drops nothing for an emit that throws at the collector at once", async () => {
    const { clock, emit, sink } = stage({
      deliver: () => {
        throw new Error("at once");
      },
    });
    expect(() => emit(1, 2, 3)).not.toThrow();
    await clock.advance(0);
    expect(sink.dropped).toBe(3);
  });

  it.each<[Partial<BatchOptions>, string]>([
    [{ maximumSize: 0 }, "batch: maximumSize"],
    [{ maximumAge: -1 }, "batch: maximumAge"],
    [{ capacity: 0.5 }, "batch: capacity"],
    [{ size: 5 } as Partial<BatchOptions>, 'batch has no option "size"'],
    [{ source: "toaster" } as never, 'batch: source must be one of page, worker, node, but is "toaster"'],
    [{ deliver: "/v1/events" } as never, 'batch: deliver must be a function, but is "/v1/events"'],
    [{ policy: {} } as never, "batch: policy must be a policy, but is {}"],
    [{ shelf: {} } as never, "batch: shelf must be a shelf such as keptIn(localStorage), but is {}"],
    [{ waitUntil: true } as never, "batch: waitUntil must be a function, but is true"],
    [{ clock: {} } as never, "batch: clock must be a clock, but is {}"],
    [{ random: 0.5 } as never, "batch: random must be a function, but is 0.5"],
  ])("refuses %j", (options, message) => {
    expect(() => stage(options)).toThrow(message);
  });
});

describe("batch > its own policy", () => {
  const environ = (clock: ManualClock) => environment({ clock, random: () => 0.5 });

  /** The default policy in the test's time. */
  function slow(options: Partial<BatchOptions> = {}) {
    const clock = new ManualClock();
    const stood = stage({ clock, policy: undefined as never, ...options });
    return { ...stood, clock };
  }

  it("keeps events while as many batches are under way as may be, up to its capacity", async () => {
    vi.useFakeTimers();
    const { clock, collector, emit, sent, sink } = slow();
    const pass = async (ms: number) => {
      await vi.advanceTimersByTimeAsync(0);
      await clock.advance(ms);
    };
    for (let number = 0; number < 22; number++) {
      emit(number);
      await pass(0);
    }
    // Two batches are under way and ten events wait; the oldest of the others had to go.
    expect(sent()).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    expect(sink.dropped).toBe(6);
    for (let turn = 0; turn < 10; turn++) {
      for (const call of collector.calls) if (!call.settled) call.succeed();
      await pass(500);
    }
    expect(
      sent()
        .flat()
        .sort((a, b) => a - b),
    ).toEqual([0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]);
    expect(collector.calls.map(({ request }) => request.dropped).reduce((sum, one) => sum + one)).toBe(6);
    expect(sink.dropped).toBe(6);
  });

  it("delivers again what may pass, and at once gives up what may not", async () => {
    vi.useFakeTimers();
    const { collector, emit, sink } = slow();
    emit(1, 2, 3);
    collector.last.fail(new DeliveryError(503));
    await vi.advanceTimersByTimeAsync(200);
    expect(collector.calls).toHaveLength(2);
    expect(collector.calls[1]?.request).toEqual(collector.calls[0]?.request);
    succeed(collector.last);
    await vi.advanceTimersByTimeAsync(0);
    expect(sink.dropped).toBe(0);
    emit(4, 5, 6);
    collector.last.fail(new DeliveryError(400));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(collector.calls).toHaveLength(3);
    expect(sink.dropped).toBe(3);
  });

  it("delivers again when the collector said to come back, and after half a minute at the latest", async () => {
    vi.useFakeTimers();
    const { collector, emit, sink } = slow();
    emit(1, 2, 3);
    collector.last.fail(new DeliveryError(429, "5"));
    await vi.advanceTimersByTimeAsync(4_990);
    expect(collector.calls).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(20);
    expect(collector.calls).toHaveLength(2);
    collector.last.fail(new DeliveryError(503, "3600"));
    await vi.advanceTimersByTimeAsync(29_980);
    expect(collector.calls).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(40);
    expect(collector.calls).toHaveLength(3);
    succeed(collector.last);
    await vi.advanceTimersByTimeAsync(0);
    expect(sink.dropped).toBe(0);
  });

  it("takes another one in its place", async () => {
    const clock = new ManualClock();
    const { collector, emit, sink } = stage({ clock, policy: compose(environ(clock), retry(2)) });
    emit(1, 2, 3);
    collector.last.fail(new Error("down"));
    await clock.advance(100);
    collector.last.fail(new Error("down"));
    await clock.advance(0);
    expect([collector.calls.length, sink.dropped, clock.pending]).toEqual([2, 3, 0]);
  });

  afterEach(() => {
    vi.useRealTimers();
  });
});

/** The part of a document that counts; in a browser the real one, which nobody can replace. */
interface Page extends EventTarget {
  readonly visibilityState: string;
}

describe("batch, in a page", () => {
  let comeBack = () => {};

  afterEach(() => {
    comeBack();
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  function page() {
    const known = (globalThis as { readonly document?: Page }).document;
    const document = known ?? Object.assign(new EventTarget(), { visibilityState: "visible" });
    if (known === undefined) vi.stubGlobal("document", document);
    const listen = vi.spyOn(document, "addEventListener");
    // A real document shows its own state again.
    comeBack = () => Reflect.deleteProperty(document, "visibilityState");
    const become = (state: string) => {
      Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    };
    return { listen, become };
  }

  it("sends at once no more than a page may that is being closed", () => {
    const { become } = page();
    const { emit, sent } = stage({ maximumSize: 2_000, capacity: 2_000, shelf: shelf() });
    emit(...Array.from({ length: 1_200 }, (_, number) => number));
    become("hidden");
    expect(sent()).toHaveLength(1);
    const [batch] = sent();
    const bytes = JSON.stringify(batch?.map((number) => event(number))).length;
    expect(bytes).toBeLessThan(45_000);
    expect(bytes).toBeGreaterThan(43_000);
  });

  it("leaves the rest on the shelf, for itself when it comes back or for the next page", () => {
    const { become } = page();
    const kept = shelf();
    const { emit, sent, sink } = stage({ maximumSize: 2_000, capacity: 2_000, shelf: kept });
    const all = Array.from({ length: 1_200 }, (_, number) => number);
    emit(...all);
    become("hidden");
    expect([...(sent()[0] ?? []), ...kept.events.map(({ at }) => at)]).toEqual(all);
    become("visible");
    expect(kept.events).toEqual([]);
    void sink.flush();
    expect(sent().flat()).toEqual(all);
    expect(sink.dropped).toBe(0);
  });

  it("leaves on the shelf what no delivery took, and not what a collector will not have", async () => {
    page();
    const kept = shelf();
    const { emit, collector, sink } = stage({ shelf: kept });
    emit(1, 2, 3);
    collector.last.fail(new TypeError("failed to fetch"));
    await vi.waitFor(() => expect(kept.events.map(({ at }) => at)).toEqual([1, 2, 3]));
    emit(4, 5, 6);
    collector.last.fail(new DeliveryError(503));
    await vi.waitFor(() => expect(kept.events).toHaveLength(6));
    expect(sink.dropped).toBe(0);
    emit(7, 8, 9);
    collector.last.fail(new DeliveryError(400));
    await vi.waitFor(() => expect(sink.dropped).toBe(3));
    expect(kept.events).toHaveLength(6);
  });

  it("leaves on the shelf what fails while the page is hidden, for when it comes back", async () => {
    const { become } = page();
    const kept = shelf();
    const { emit, collector, sent, sink } = stage({ shelf: kept });
    emit(1);
    become("hidden");
    collector.last.fail(new TypeError("failed to fetch"));
    await vi.waitFor(() => expect(kept.events).toHaveLength(1));
    become("visible");
    void sink.flush();
    expect(sent()).toEqual([[1], [1]]);
    expect([kept.events, sink.dropped]).toEqual([[], 0]);
  });

  it("says farewell beside what is under way when it hides, and leaves the rest on the shelf", async () => {
    const { become } = page();
    const kept = shelf();
    const { clock, emit, sent, sink } = stage({
      policy: bulkhead(2),
      maximumSize: 700,
      capacity: 2_000,
      shelf: kept,
    });
    const all = Array.from({ length: 2_600 }, (_, number) => number);
    emit(...all.slice(0, 1_400));
    expect(sent()).toHaveLength(2);
    emit(...all.slice(1_400));
    // The third batch found no room.
    expect(sent()).toHaveLength(2);
    await clock.advance(0);
    become("hidden");
    await vi.waitFor(() => expect(sent()).toHaveLength(3));
    expect([...sent().flat(), ...kept.events.map(({ at }) => at)]).toEqual(all);
    expect(sink.dropped).toBe(0);
  });

  it("leaves a farewell that fails on the shelf", async () => {
    const { become } = page();
    const kept = shelf();
    const { emit, sent, collector } = stage({ policy: bulkhead(2), shelf: kept });
    emit(1, 2, 3, 4, 5, 6, 7);
    become("hidden");
    await vi.waitFor(() => expect(sent()).toEqual([[1, 2, 3], [4, 5, 6], [7]]));
    collector.last.fail(new TypeError("failed to fetch"));
    await vi.waitFor(() => expect(kept.events.map(({ at }) => at)).toEqual([7]));
  });

  it("counts what a shelf does not keep, and tells of it", async () => {
    const { become } = page();
    const { emit, collector, sink } = stage({ shelf: { take: () => [], put: ({ length }) => length - 1 } });
    emit(1, 2, 3);
    collector.last.fail(new TypeError("failed to fetch"));
    await vi.waitFor(() => expect(sink.dropped).toBe(2));
    emit(4);
    become("hidden");
    expect(collector.last.request.dropped).toBe(2);
  });

  it("sends what an earlier page left, in bounds", async () => {
    const kept = shelf();
    kept.put(Array.from({ length: 12 }, (_, at) => event(at)));
    const { emit, sent, sink, clock } = stage({ maximumSize: 50, capacity: 10, shelf: kept });
    emit(100);
    await clock.advance(1_000);
    expect(sent()).toEqual([[3, 4, 5, 6, 7, 8, 9, 10, 11, 100]]);
    expect(sink.dropped).toBe(3);
  });

  it("sends what waits when the page hides, and not when it shows", () => {
    const { become } = page();
    const { emit, sent } = stage();
    emit(1);
    become("visible");
    expect(sent()).toEqual([]);
    become("hidden");
    expect(sent()).toEqual([[1]]);
    become("hidden");
    expect(sent()).toHaveLength(1);
  });

  it("listens once, from the first event on", () => {
    const { listen } = page();
    const { emit } = stage();
    expect(listen).not.toHaveBeenCalled();
    emit(1, 2, 3, 4, 5, 6, 7);
    expect(listen.mock.calls.map(([type]) => type)).toEqual(["visibilitychange"]);
  });
});
