import { describe, expect, it } from "vitest";
import type { PolicyEvent } from "../../src/core/events.ts";
import { keptIn, type TextStorage } from "../../src/telemetry/index.ts";

const event = (at: number): PolicyEvent => ({ type: "timeout.occurred", policy: "prices", at, after: 5 });

function storage(full = false): TextStorage & { readonly texts: Map<string, string> } {
  const texts = new Map<string, string>();
  return {
    texts,
    getItem: (key) => texts.get(key) ?? null,
    setItem(key, text) {
      if (full) throw new DOMException("full", "QuotaExceededError");
      texts.set(key, text);
    },
    removeItem: (key) => void texts.delete(key),
  };
}

describe("keptIn", () => {
  it("gives back once what was put there, in order", () => {
    const where = storage();
    keptIn(where).put([event(1)]);
    keptIn(where).put([event(2), event(3)]);
    expect(
      keptIn(where)
        .take()
        .map(({ at }) => at),
    ).toEqual([1, 2, 3]);
    expect(keptIn(where).take()).toEqual([]);
    expect(where.texts.size).toBe(0);
  });

  it("keeps the last thousand, and says how many had to go", () => {
    const shelf = keptIn(storage());
    expect(shelf.put(Array.from({ length: 900 }, (_, at) => event(at)))).toBe(0);
    expect(shelf.put(Array.from({ length: 900 }, (_, at) => event(900 + at)))).toBe(800);
    const kept = shelf.take().map(({ at }) => at);
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([1_000, 800, 1_799]);
  });

  it("keeps under the key that it was given", () => {
    const where = storage();
    keptIn(where, "mine").put([event(1)]);
    expect([...where.texts.keys()]).toEqual(["mine"]);
  });

  it.each(["", "{", "{}", "null", "5", '[{"type":"toString"}]'])("takes the text %j for nothing", (text) => {
    const where = storage();
    where.texts.set("ninelives.events", text);
    expect(keptIn(where).take()).toEqual([]);
  });

  it("keeps nothing where there is no room, or nothing is allowed, and throws nothing", () => {
    const full = keptIn(storage(true));
    expect(full.put([event(1), event(2)])).toBe(2);
    expect(full.take()).toEqual([]);
    const refuse = () => {
      throw new DOMException("denied", "SecurityError");
    };
    const denied = keptIn({ getItem: refuse, setItem: refuse, removeItem: refuse });
    expect(denied.put([event(1)])).toBe(1);
    expect(denied.take()).toEqual([]);
  });

  it("gives nothing back that it cannot remove: it would be sent twice", () => {
    const where = storage();
    keptIn(where).put([event(1)]);
    const stuck = keptIn({
      ...where,
      removeItem() {
        throw new DOMException("read only");
      },
    });
    expect(stuck.take()).toEqual([]);
  });
});
