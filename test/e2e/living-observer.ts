import type { AlertReport, DocumentReport, ObservedEvent } from "ninelives/observer";
import { calledPolicy, PlayedObserver, systemOf } from "./played-observer.ts";

/** When what it tells began. */
export const at = Date.now();
/** A rule that fires. */
export const rule: AlertReport = {
  name: "products fail",
  when: "error-rate",
  policy: null,
  above: 0.05,
  for: 0,
  window: "1m",
  minimumRequests: 20,
  state: "firing",
  subjects: [{ policy: "products", circuit: null, state: "firing", since: at - 90_000, value: 0.1 }],
};
const closed = calledPolicy("products", at).circuits[0] as never as object;
const open = {
  ...closed,
  circuit: "prices",
  state: "open",
  since: at - 5_000,
  // Longer than the slowest machine takes for all tests.
  until: at + 600_000,
  reason: "failures",
  openings: 1,
  timeIn: { closed: 500_000, open: 5_000 },
} as const;
const events: ObservedEvent[] = [
  {
    type: "circuit.opened",
    policy: "prices",
    circuit: "prices",
    from: "closed",
    failureRate: 0.6,
    openFor: 60_000,
    reason: "failures",
    at: at - 5_000,
    source: "worker a01b",
  },
  { type: "rate-limit.rejected", policy: "products", retryAfter: 900, at: at - 2_000, source: "page 3f9c" },
];

/** What two of those who follow a policy refuse. */
const document: DocumentReport = {
  version: 2,
  followers: 6,
  current: 4,
  refused: ["node 7c1e", "page 3f9c"].map((source) => ({
    source,
    version: 3,
    reason: 'line 1, column 12: found "own", which is no policy that is known in this scope',
    at: at - 90_000,
  })),
};

/** An observer of three policies: one is well, one refuses calls, of one nobody has heard for long. */
export const alive = (): PlayedObserver =>
  new PlayedObserver(
    systemOf(
      [
        calledPolicy("products", at, { document }),
        calledPolicy("prices", at, { circuits: [open as never], document }),
        calledPolicy("reviews", at, {
          circuits: [{ ...open, circuit: "reviews", until: null, heardAt: at - 200_000 } as never],
        }),
      ],
      at,
      { alerts: [rule, { ...rule, name: "slow", when: "latency", above: 900, state: "ok", subjects: [] }] },
    ),
    events,
  );
