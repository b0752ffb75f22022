// stoma asks its store three times on the way of a healthy request, eridu-tech at least once.
import { circuitBreaker, type Store, sharedBy, type View } from "ninelives";
import { expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

it("T14d: a healthy request waits for no store operation, and most start none", async () => {
  let asked = 0;
  const answers: ((view: View) => void)[] = [];
  const store: Store = {
    sync: () => {
      asked++;
      return new Promise((resolve) => answers.push(resolve));
    },
  };
  const { clock, origin, succeed } = stage(circuitBreaker({ shared: sharedBy(store) }));
  for (let made = 0; made < 1_000; made++) {
    expect((await succeed(made)).seen).toEqual({ value: made });
    if (made === 0) {
      answers[0]?.({
        epoch: 1,
        state: "closed",
        reason: "failures",
        remaining: 0,
        openFor: 0,
        nextSync: 2_000,
      });
      await clock.advance(0);
    }
  }
  expect(origin.calls.length).toBe(1_000);
  expect(asked).toBe(1);
});
