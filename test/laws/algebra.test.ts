import fc from "fast-check";
import { compose, describe as describePolicy, format, identity, orElse, parse, race } from "ninelives";
import { describe, expect, inject, it } from "vitest";
import {
  grow,
  oneByOne,
  type Performance,
  type Play,
  perform,
  plays,
  scope,
  type Tree,
  trees,
} from "./trees.ts";

const cases = inject("cases");

type Joined = ReturnType<typeof grow>;

/** Two ways to write a policy; each is made afresh for each side, a tree that stands twice on a side once. */
interface Law {
  readonly left: (a: Joined, b: Joined, c: Joined) => Joined;
  readonly right: (a: Joined, b: Joined, c: Joined) => Joined;
  /** Which plays the law speaks of, where that is not all. */
  readonly of?: (play: Play) => Play;
  /** A leaf that the law does not speak of. */
  readonly without?: string;
  /** What of a performance the law speaks of, where that is not all. */
  readonly but?: (performance: Performance) => Performance;
}

/**
 * Without the causes that came before a failing value. An `orElse` that another policy goes around returns its last
 * branch's failing value, and a value cannot tell what failed before it.
 */
const lastCauses = (performance: Performance): Performance => ({
  ...performance,
  callers: performance.callers.map((ended) => {
    const { error } = ended as { error?: { all?: readonly unknown[] } };
    if (error?.all === undefined) return ended;
    const from = error.all.findLastIndex((cause) => String(cause).startsWith("bad"));
    return { ...(ended as object), error: { all: error.all.slice(Math.max(0, from)) } };
  }),
});

const laws: Record<string, Law> = {
  "compose(compose(a, b), c) = compose(a, compose(b, c))": {
    left: (a, b, c) => compose(compose(a, b), c),
    right: (a, b, c) => compose(a, compose(b, c)),
  },
  "orElse(orElse(a, b), c) = orElse(a, orElse(b, c))": {
    left: (a, b, c) => orElse(orElse(a, b), c),
    right: (a, b, c) => orElse(a, orElse(b, c)),
  },
  "race(race(a, b), c) = race(a, race(b, c))": {
    left: (a, b, c) => race(race(a, b), c),
    right: (a, b, c) => race(a, race(b, c)),
  },
  "compose(identity, a) = a": {
    left: (a) => compose(identity, a),
    right: (a) => a,
  },
  "compose(a, identity) = a": {
    left: (a) => compose(a, identity),
    right: (a) => a,
  },
  "compose(orElse(a, b), c) = orElse(compose(a, c), compose(b, c))": {
    left: (a, b, c) => compose(orElse(a, b), c),
    right: (a, b, c) => orElse(compose(a, c), compose(b, c)),
    // An inner `orElse` takes a few steps more, so that calls which wait for each other may change places.
    of: oneByOne,
    // For the same reason: it refuses by chance, by how many calls have ended well when the next one comes.
    without: "throttle",
    but: lastCauses,
  },
  "parse(format(a)) = a": {
    left: (a) => a,
    right: (a) => parse(format(a), scope),
  },
};

const made = ([a, b, c]: readonly [Tree, Tree, Tree], side: Law["left"]): Joined =>
  side(grow(a), grow(b), grow(c));

describe("the algebra's laws", () => {
  it.for(Object.entries(laws))(
    "%s: callers, origin and sink see the same",
    { timeout: 600_000 },
    async ([, law]) => {
      await fc.assert(
        fc.asyncProperty(
          fc.tuple(trees, trees, trees),
          plays,
          async (abc: [Tree, Tree, Tree], play: Play) => {
            const { of = (any) => any, but = (whole) => whole, without } = law;
            fc.pre(without === undefined || !JSON.stringify(abc).includes(`"leaf":"${without}"`));
            const left = await perform(made(abc, law.left), of(play));
            const right = await perform(made(abc, law.right), of(play));
            expect(but(right)).toEqual(but(left));
          },
        ),
        { numRuns: cases },
      );
    },
  );

  it("parse(format(a)) has an equal description", () => {
    fc.assert(
      fc.property(trees, (tree) => {
        const policy = grow(tree);
        expect(describePolicy(parse(format(policy), scope))).toEqual(describePolicy(policy));
      }),
      { numRuns: cases },
    );
  });

  it("what is joined by one operator has one description, however it was nested", () => {
    fc.assert(
      fc.property(fc.tuple(trees, trees, trees), (abc: [Tree, Tree, Tree]) => {
        for (const name of Object.keys(laws).slice(0, 3)) {
          const { left, right } = laws[name] as Law;
          expect(describePolicy(made(abc, left))).toEqual(describePolicy(made(abc, right)));
        }
      }),
    );
  });

  it("every call ends, once, and leaves no timer", { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(trees, plays, async (tree, play) => {
        const { callers, events, pending } = await perform(grow(tree), play);
        expect(pending).toBe(0);
        expect(callers.filter((ended) => ended !== undefined).length).toBe(play.calls.length);
        expect(events.filter((event) => event.startsWith("request.")).length).toBe(play.calls.length);
      }),
      { numRuns: cases },
    );
  });
});
