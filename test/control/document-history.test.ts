import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  changed,
  configured,
  type DocumentHistory,
  inForce,
  restored,
  settled,
  versionsKept,
} from "../../src/control/index.ts";

const first = configured("prices", "retry(3)");
const set = (history: DocumentHistory, text: string, holds?: number, now = 1_000) =>
  changed(history, { text, expected: inForce(history).version, by: "ann", holds }, now) as DocumentHistory;

describe("a document's history", () => {
  it("takes a change of the version in force, and no other", () => {
    const second = set(first, "retry(4)");
    expect(inForce(second)).toEqual({
      name: "prices",
      text: "retry(4)",
      version: 1,
      updatedAt: 1_000,
      updatedBy: "ann",
    });
    expect(changed(second, { text: "retry(5)", expected: 0, by: "bob" }, 1_001)).toBeUndefined();
  });

  it("ends an override when its time is over, not before, and says whose end it was", () => {
    const over = set(first, "retry(9)", 500);
    expect(inForce(over)).toMatchObject({ text: "retry(9)", version: 1, until: 1_500 });
    expect(settled(over, 1_499)).toBe(over);
    const after = settled(over, 1_500);
    expect(inForce(after)).toEqual({
      name: "prices",
      text: "retry(3)",
      version: 2,
      updatedAt: 1_500,
      updatedBy: "end of version 1",
    });
    expect(settled(after, 9_999)).toBe(after);
  });

  it("ends an override at a whole millisecond, however long it is to hold", () => {
    expect(inForce(set(first, "retry(9)", 3_960_000.0000000005)).until).toBe(3_961_001);
    expect(inForce(set(first, "retry(9)", 0.4)).until).toBe(1_001);
  });

  it("ends an override over an override in what the first one covers", () => {
    const twice = set(set(first, "retry(8)", 500), "retry(9)", 100);
    expect(inForce(settled(twice, 1_100))).toMatchObject({ text: "retry(3)", version: 3 });
  });

  it("lets a change that stays end an override for good", () => {
    const stays = set(set(first, "retry(8)", 500), "retry(9)");
    expect(settled(stays, 99_999)).toBe(stays);
  });

  it("lets a change that stays hold beneath an override too, where it says what it comes to there", () => {
    const over = set(first, "retry(8)", 500);
    const change = {
      text: "retry(8) + timeout(1s)",
      expected: 1,
      by: "ann",
      beneath: "retry(3) + timeout(1s)",
    };
    const both = changed(over, change, 1_100) as DocumentHistory;
    expect(inForce(both)).toMatchObject({
      text: change.text,
      version: 2,
      until: 1_500,
      beneath: { version: 2, text: change.beneath },
    });
    expect(inForce(settled(both, 1_500))).toMatchObject({ text: change.beneath, version: 3 });
    // Beneath what is no override there is nothing.
    expect(inForce(changed(first, { ...change, expected: 0 }, 1_100) as DocumentHistory)).not.toHaveProperty(
      "beneath",
    );
  });

  it("comes back from a snapshot under a version that is news to all, with its override's end", () => {
    const snapshot = set(first, "retry(8)", 500);
    const current = set(set(set(first, "retry(5)"), "retry(6)"), "retry(7)");
    const back = restored(snapshot, current, 1_100);
    expect(inForce(back)).toMatchObject({ text: "retry(8)", version: 4, until: 1_500 });
    expect(inForce(settled(back, 1_500))).toMatchObject({ text: "retry(3)", version: 5 });
    expect(inForce(restored(snapshot, undefined, 1_100))).toMatchObject({ version: 2 });
  });

  it("keeps the last fifty, its versions growing by one, and an end in what is beneath, whatever happens", () => {
    const step = fc.record({
      holds: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
      wait: fc.nat(60),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        let history = first;
        let now = 0;
        let standing = "retry(3)";
        for (const [index, { holds, wait }] of steps.entries()) {
          now += wait;
          history = settled(history, now);
          history = set(history, `retry(${index + 1})`, holds, now);
          if (holds === undefined) standing = `retry(${index + 1})`;
        }
        history = settled(history, now + 100);
        expect(inForce(history).text).toBe(standing);
        expect(history.length).toBeLessThanOrEqual(versionsKept);
        const versions = history.map(({ version }) => version);
        expect(versions).toEqual(versions.map((_, index) => (versions[0] as number) + index));
      }),
    );
  });
});
