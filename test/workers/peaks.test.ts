import type { PolicyEvent } from "ninelives";
import { describe, expect, it } from "vitest";
import { peaksOnly } from "../../workers/peaks.ts";

const taken = (active: number, at: number, more: object = {}) =>
  ({
    type: "bulkhead.acquired",
    policy: "prices",
    active,
    limit: 10,
    waited: 0,
    at,
    ...more,
  }) as PolicyEvent;

/** What is left of these. */
function told(...events: PolicyEvent[]): PolicyEvent[] {
  const heard: PolicyEvent[] = [];
  const sink = peaksOnly({ emit: (event) => heard.push(event) });
  for (const event of events) sink.emit(event);
  return heard;
}

describe("peaksOnly", () => {
  it("tells of a taken slot when more are taken than in the second before, and once a second at least", () => {
    const [first, more, later] = [taken(1, 1_000), taken(3, 1_100), taken(1, 2_100)] as const;
    expect(told(first, taken(1, 1_050), more, taken(3, 1_200), taken(2, 2_099), later)).toEqual([
      first,
      more,
      later,
    ]);
  });

  it("tells apart what is of another policy, has another limit, waited, or comes after a clock's jump", () => {
    const events = [
      taken(2, 1_000),
      taken(1, 1_001, { policy: "shop" }),
      taken(1, 1_002, { limit: 5 }),
      taken(1, 1_003, { limit: 5, waited: 7 }),
      taken(1, -5_000, { limit: 5 }),
    ];
    expect(told(...events)).toEqual(events);
  });

  it("lets all else through", () => {
    const event = {
      type: "bulkhead.rejected",
      policy: "prices",
      active: 1,
      limit: 1,
      queued: 0,
      at: 1,
    } as const;
    expect(told(event, event)).toEqual([event, event]);
  });
});
