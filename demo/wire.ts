/** What the shop's page, its origin and the demo's traffic say to each other. */

/** What the origin serves, each under a path of its own. */
export const resources = ["products", "prices", "reviews"] as const;
export type Resource = (typeof resources)[number];

export interface Product {
  readonly id: string;
  readonly name: string;
  readonly text: string;
  /** A symbol of `gear.svg`. */
  readonly picture: string;
}

export interface Price {
  readonly id: string;
  readonly cents: number;
  /** What it was a minute ago. */
  readonly before: number;
  readonly left: number;
}

export interface Review {
  readonly id: string;
  /** 1 to 5. */
  readonly stars: number;
  readonly count: number;
  readonly quote: string;
  readonly by: string;
}

/** How badly the origin treats the calls for one resource. */
export interface Knobs {
  /** Milliseconds that an answer takes, give or take a quarter. */
  readonly latency: number;
  /** The share of calls that end in a 500, 0 to 1. */
  readonly errorRate: number;
  /** Every call ends in a 503, at once. */
  readonly outage: boolean;
}

export const healthy: Knobs = { latency: 0, errorRate: 0, outage: false };

/** Who turned the knobs last: whoever looks at the page, or the play that runs while nobody does. */
export type Hand = "visitor" | "scenario";

/** What is sent to `PUT /knobs`. A knob that is not named is turned to healthy. */
export interface KnobsChange extends Partial<Knobs> {
  readonly by: Hand;
  /** Default: all of them. */
  readonly resource?: Resource;
  /** What goes on, for people. */
  readonly note?: string;
}

/** Served by `GET /knobs`. */
export interface KnobsReport {
  readonly settings: Readonly<Record<Resource, Knobs>>;
  readonly by: Hand;
  readonly note: string;
  /** Milliseconds for which the scenario still leaves the knobs to the visitor. */
  readonly heldFor: number;
  /** Calls that reached the origin, the failed ones included. */
  readonly counts: Readonly<Record<Resource, number>>;
}
