import { describe, expect, it } from "vitest";
import type { PolicyEvent } from "../../src/core/events.ts";
import { streamSink } from "../../src/telemetry/index.ts";

const event = (at: number): PolicyEvent => ({ type: "timeout.occurred", policy: "prices", at, after: 5 });

describe("streamSink > callbacks", () => {
  it("hear each event at once, until they have heard enough", () => {
    const sink = streamSink();
    const heard: number[] = [];
    const stop = sink.subscribe(({ at }) => heard.push(at));
    sink.emit(event(1));
    stop();
    stop();
    sink.emit(event(2));
    expect(heard).toEqual([1]);
  });

  it("hear it also behind one that throws, and twice when subscribed twice", () => {
    const sink = streamSink();
    const heard: number[] = [];
    const listen = ({ at }: PolicyEvent) => heard.push(at);
    sink.subscribe(() => {
      throw new Error("broken");
    });
    const stop = sink.subscribe(listen);
    sink.subscribe(listen);
    sink.emit(event(1));
    stop();
    sink.emit(event(2));
    expect(heard).toEqual([1, 1, 2]);
  });
});

describe("streamSink > readers", () => {
  it("get events in order, whether they wait for them or the other way round", async () => {
    const sink = streamSink();
    const reader = sink[Symbol.asyncIterator]();
    const asked = [reader.next(), reader.next()];
    for (const at of [1, 2, 3]) sink.emit(event(at));
    expect((await Promise.all([...asked, reader.next()])).map(({ value }) => value?.at)).toEqual([1, 2, 3]);
  });

  it("get what comes from when they began, each all of it", async () => {
    const sink = streamSink();
    sink.emit(event(0));
    const [one, other] = [sink[Symbol.asyncIterator](), sink[Symbol.asyncIterator]()];
    sink.emit(event(1));
    expect((await one.next()).value?.at).toBe(1);
    expect((await other.next()).value?.at).toBe(1);
  });

  it("lose the oldest when they are slow, and are told how many", async () => {
    const sink = streamSink({ capacity: 2 });
    const [slow, quick] = [sink[Symbol.asyncIterator](), sink[Symbol.asyncIterator]()];
    for (const at of [1, 2, 3, 4, 5]) {
      sink.emit(event(at));
      await quick.next();
    }
    expect([slow.dropped, quick.dropped, sink.dropped]).toEqual([3, 0, 3]);
    expect((await slow.next()).value?.at).toBe(4);
  });

  it("end when they have read enough, and nothing is kept for them any more", async () => {
    const sink = streamSink({ capacity: 1 });
    const read: number[] = [];
    const reader = sink[Symbol.asyncIterator]();
    const reading = (async () => {
      for await (const { at } of reader) {
        read.push(at);
        if (at === 2) break;
      }
    })();
    sink.emit(event(1));
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
    sink.emit(event(2));
    await reading;
    for (const at of [3, 4, 5]) sink.emit(event(at));
    expect(read).toEqual([1, 2]);
    expect(sink.dropped).toBe(0);
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  it("end also when they return while they wait", async () => {
    const reader = streamSink()[Symbol.asyncIterator]();
    const waiting = reader.next();
    await reader.return();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  it.each([0, 1.5, -1])("refuse the capacity %d", (capacity) => {
    expect(() => streamSink({ capacity })).toThrow(
      "streamSink: capacity must be a whole number of at least 1",
    );
  });
});
