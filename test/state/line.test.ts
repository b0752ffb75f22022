import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Line, type Place } from "../../src/state/line.ts";

class Person implements Place<Person> {
  before: Person | undefined;
  after: Person | undefined;
  readonly priority: number;
  readonly number: number;

  constructor(number: number, priority: number) {
    this.number = number;
    this.priority = priority;
  }
}

function forwards(line: Line<Person>): Person[] {
  const list: Person[] = [];
  for (let { first } = line; first !== undefined; first = first.after) list.push(first);
  return list;
}

function backwards(line: Line<Person>): Person[] {
  const list: Person[] = [];
  for (let { last } = line; last !== undefined; last = last.before) list.unshift(last);
  return list;
}

describe("Line", () => {
  it.each([
    [false, [3, 5, 1, 4, 0, 2]],
    [true, [5, 3, 4, 1, 2, 0]],
  ])("has the highest priority first, and of equals the newest first: %s", (newestFirst, expected) => {
    const line = new Line<Person>();
    for (const [number, priority] of [0, 1, 0, 2, 1, 2].entries())
      line.add(new Person(number, priority), newestFirst);
    expect(forwards(line).map(({ number }) => number)).toEqual(expected);
  });

  it("is a stable sort of those that came and have not left, from either end", () => {
    const step = fc.oneof(fc.record({ priority: fc.nat(3) }), fc.record({ leaves: fc.nat(20) }));
    fc.assert(
      fc.property(fc.boolean(), fc.array(step), (newestFirst, steps) => {
        const line = new Line<Person>();
        let here: Person[] = [];
        for (const [number, each] of steps.entries()) {
          if ("priority" in each) {
            const person = new Person(number, each.priority);
            line.add(person, newestFirst);
            here.push(person);
          } else {
            const leaving = here[each.leaves];
            if (leaving === undefined) continue;
            line.remove(leaving);
            here = here.filter((person) => person !== leaving);
          }
        }
        const arrived = newestFirst ? [...here].reverse() : here;
        const sorted = arrived.toSorted((a, b) => b.priority - a.priority);
        expect(forwards(line)).toEqual(sorted);
        expect(backwards(line)).toEqual(sorted);
        expect(line.size).toBe(here.length);
      }),
    );
  });
});
