import type { ParameterState, PolicyDocument } from "ninelives/control";
import {
  type AbsentShards,
  type AlertReport,
  type Gap,
  isAbsent,
  type LiveMessage,
  type PolicyState,
  type Series,
  type WindowState,
} from "ninelives/observer";
import { appended, caughtUp, type EventLog, emptyLog } from "./event-log.ts";
import { withOwnCircuits } from "./own-circuits.ts";
import { alphabet } from "./trouble.ts";

/** How the page hangs on the observer. Times are the page's own. */
export type Link =
  | { readonly state: "connecting" }
  | { readonly state: "live" }
  | { readonly state: "waiting"; readonly until: number }
  /** The server wants a token, or another one. */
  | { readonly state: "refused" };

/** What became of a command. */
export interface Act {
  readonly status: "pending" | "done" | "failed";
  readonly detail: string;
  readonly at: number;
}

/** All that the page knows. Replaced, never changed. */
export interface Model {
  readonly link: Link;
  /** When the connection that there was broke; `null` while there is one, and before the first. */
  readonly lostAt: number | null;
  /** When the last message came, by the page's clock; `null` before the first. */
  readonly receivedAt: number | null;
  /** When the observer last spoke, be it to say that nothing changed: so old is what is shown. */
  readonly heardAt: number | null;
  /** What the observer's clock is ahead of the page's. */
  readonly skew: number;
  /** What the observer says of itself. */
  readonly observer: { readonly since: number; readonly events: number; readonly dropped: number } | null;
  /** Where the page is in what the observer tells; `null` before it was told. */
  readonly place: string | null;
  /** Times of which the observer may have missed something. */
  readonly gaps: readonly Gap[];
  /** The rules for alerts and what they found; `null` where there are none. */
  readonly alerts: readonly AlertReport[] | null;
  /** As they were told last, also those of shards that do not answer: what these are now is unknown. */
  readonly policies: ReadonlyMap<string, PolicyState>;
  /** The shards of the observer that do not answer; `null` while all do. */
  readonly absent: AbsentShards | null;
  readonly log: EventLog;
  /** Events that came too fast to be told. */
  readonly skipped: number;
  /** The policies that may be steered; `null` while nobody has told. */
  readonly documents: ReadonlyMap<string, PolicyDocument> | null;
  /** The values that they were given. */
  readonly parameters: readonly ParameterState[];
  /** The last command to a circuit, by its name. */
  readonly acts: ReadonlyMap<string, Act>;
  /** Why a token is asked for now, and whether one was refused; `null` while none is. */
  readonly tokenWanted: { readonly why: string; readonly refused: boolean } | null;
}

export const emptyModel: Model = {
  link: { state: "connecting" },
  lostAt: null,
  receivedAt: null,
  heardAt: null,
  skew: 0,
  observer: null,
  place: null,
  gaps: [],
  alerts: null,
  policies: new Map(),
  absent: null,
  log: emptyLog,
  skipped: 0,
  documents: null,
  parameters: [],
  acts: new Map(),
  tokenWanted: null,
};

/** The model after its connection came to another state at `now` by the page's clock. */
export function linked(model: Model, link: Link, now: number): Model {
  const lost = model.link.state === "live" ? now : model.lostAt;
  return { ...model, link, lostAt: link.state === "live" ? null : lost };
}

/** Milliseconds without a connection that nobody has to hear of: it is back before anything is missed. */
const hiccup = 4_000;

/** Whether what is shown is as it is now, also across a connection that broke a moment ago and comes back. */
export function isLive({ link, lostAt }: Model, now: number): boolean {
  return link.state === "live" || (link.state !== "refused" && lostAt !== null && now - lostAt < hiccup);
}

/** The model after a message that came at `now` by the page's clock. */
export function received(model: Model, message: LiveMessage, now: number): Model {
  if (message.type === "snapshot") {
    const { at, since, events, dropped, policies, gaps = [], alerts = null, absent = null } = message.state;
    const lost = [...model.policies].filter(([policy]) => isAbsent(policy, absent));
    return {
      ...model,
      receivedAt: now,
      heardAt: now,
      skew: at - now,
      observer: { since, events, dropped },
      place: message.place ?? model.place,
      gaps,
      alerts,
      absent,
      // What is in order already is put in order in no time, at each draw.
      policies: new Map(
        [...lost, ...policies.map((policy) => [policy.policy, policy] as const)].sort(([a], [b]) =>
          alphabet.compare(a, b),
        ),
      ),
      log: caughtUp(model.log, message.events),
    };
  }
  if (message.type !== "delta") return model;
  const policies = new Map(model.policies);
  for (const policy of message.forgotten ?? []) policies.delete(policy);
  for (const policy of message.policies) policies.set(policy.policy, policy);
  return {
    ...model,
    receivedAt: now,
    heardAt: now,
    skew: message.at - now,
    observer: { since: model.observer?.since ?? message.at, ...message.totals },
    place: message.place ?? model.place,
    alerts: message.alerts ?? null,
    absent: message.absent ?? null,
    gaps: message.gaps ?? model.gaps,
    policies,
    log: appended(model.log, message.events),
    skipped: model.skipped + message.skipped,
  };
}

/** The policies of which somebody tells what they are now. */
export function knownPolicies({ policies, absent }: Model): PolicyState[] {
  return [...policies.values()].filter(({ policy }) => !isAbsent(policy, absent));
}

/** The policies that were seen, and those that the gateway has but that nobody called yet or nobody can tell of; each with its own circuits. */
export function allPolicies(model: Model): PolicyState[] {
  const { policies, documents } = model;
  const names = new Set([...policies.keys(), ...(documents?.keys() ?? [])]);
  const known = knownPolicies(model);
  for (const { policy } of known) names.delete(policy);
  return withOwnCircuits([...known, ...[...names].map(unknownPolicy)], documents);
}

/** The times after `from` of which the observer may have missed something. */
export function gapsWithin({ gaps }: Model, from: number): readonly Gap[] {
  return gaps.filter(({ to }) => to > from);
}

/** Whether anybody told of a policy within so many milliseconds: else what a window of that length holds is unknown, not zero. */
export function isHeard({ lastEventAt }: PolicyState, spanMs: number, now: number): boolean {
  return lastEventAt > 0 && now - lastEventAt < spanMs;
}

/** The last two minutes of a policy; without points where nobody told of any. */
export function seriesOf(state: PolicyState, now: number): Series {
  const { step, requests } = state.series;
  return isHeard(state, step * requests.length, now) ? state.series : { ...unheardSeries, step };
}

/** Why nothing is known of a policy. */
export function whyUnknown({ absent }: Model, policy: string): string {
  return isAbsent(policy, absent)
    ? "unknown: its shard of the observer does not answer"
    : "no calls seen yet";
}

/** How often a second, over what the window really covers. */
export function perSecond(window: WindowState, number: number, spanMs: number): number {
  const seconds = window.requests > 0 && window.rate > 0 ? window.requests / window.rate : spanMs / 1_000;
  return number / seconds;
}

const unheardSeries: Series = { step: 5_000, requests: [], failures: [], rejected: [], p50: [], p99: [] };

const unseen: WindowState = {
  requests: 0,
  failures: 0,
  aborted: 0,
  rate: 0,
  errorRate: null,
  p50: null,
  p90: null,
  p99: null,
  p999: null,
  amplification: null,
  attempts: 0,
  retries: 0,
  timeouts: 0,
  rejected: 0,
  fallbacks: 0,
  hedges: 0,
  hedgesWon: 0,
  active: 0,
};

/** `lastEventAt` 0 says that nothing is known of it. */
function unknownPolicy(policy: string): PolicyState {
  return {
    policy,
    lastEventAt: 0,
    reporters: 0,
    windows: { "1m": unseen, "5m": unseen, "15m": unseen },
    circuits: [],
    limits: { concurrency: null, rate: null },
    series: unheardSeries,
  };
}
