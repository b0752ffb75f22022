import { hasGrown } from "./members.ts";
import {
  type CircuitCommand,
  type CircuitRecord,
  circuitView,
  commandCircuit,
  coordinateCircuit,
  type Quorum,
} from "./shared-circuit.ts";
import { coordinateLease, expireLease, type LeaseRecord, leaseView } from "./shared-lease.ts";
import {
  coordinateLimiter,
  type LimiterRecord,
  limiterView,
  resetLimiter,
  reviveLimiter,
} from "./shared-limiter.ts";
import { noSlots } from "./slots.ts";
import type {
  CircuitReport,
  CircuitView,
  LeaseReport,
  LeaseView,
  LimiterReport,
  LimiterView,
  Report,
  View,
} from "./sync.ts";
import { openVotes } from "./votes.ts";

/** What a home keeps of one shared thing, under its name. Plain JSON. */
export type SharedRecord = CircuitRecord | LimiterRecord | LeaseRecord;

/** The record that takes such a report. */
export type RecordFor<R extends Report> = R extends LimiterReport
  ? LimiterRecord
  : R extends LeaseReport
    ? LeaseRecord
    : R extends CircuitReport
      ? CircuitRecord
      : never;

/** The view that such a record gives. */
export type ViewOfRecord<R extends SharedRecord> = R extends LimiterRecord
  ? LimiterView
  : R extends LeaseRecord
    ? LeaseView
    : R extends CircuitRecord
      ? CircuitView
      : never;

/** The view that answers such a report. */
export type ViewFor<R extends Report> = R extends LimiterReport
  ? LimiterView
  : R extends LeaseReport
    ? LeaseView
    : R extends CircuitReport
      ? CircuitView
      : never;

/**
 * Decides for a fleet: takes one replica's report and gives the new record and what the replica is to know.
 *
 * Pure, so that every home (memory, IndexedDB, a Durable Object) decides alike: the record that goes in is not changed.
 *
 * @param stored what the home keeps under the name, if anything; that of an older version is brought up to date
 * @param now the home's clock in milliseconds; a step back counts as nothing
 * @param rate reports a second that the home asks for, however many replicas there are. Default 100
 * @throws TypeError for a report on one kind of thing under the name of another
 */
export function coordinate<R extends Report>(
  stored: SharedRecord | undefined,
  report: R,
  now: number,
  quorum: Quorum = "majority",
  rate?: number,
): [RecordFor<R>, ViewFor<R>] {
  const decided = decide(expected(stored, report.kind ?? "circuit"), report, now, quorum, rate);
  // The kinds of record, report and view are one.
  return decided as [RecordFor<R>, ViewFor<R>];
}

/** What anybody may know of a shared thing, without a report of its own: the news that a home pushes. */
export function viewOf<R extends SharedRecord>(record: R): ViewOfRecord<R> {
  const now = current(record);
  const view =
    now.kind === "limiter" ? limiterView(now) : now.kind === "lease" ? leaseView(now) : circuitView(now);
  return view as ViewOfRecord<R>;
}

/** Does with a circuit as a person says. `open` holds until another command. */
export function command(stored: SharedRecord | undefined, what: CircuitCommand, now: number): CircuitRecord {
  return commandCircuit(expected(stored, "circuit") as CircuitRecord | undefined, what, now);
}

/** Has a limiter's replicas forget what they have counted. @throws TypeError for what is no limiter */
export function resetLimit(stored: SharedRecord | undefined, now: number): LimiterRecord {
  return resetLimiter(expected(stored, "limiter") as LimiterRecord | undefined, now);
}

/** Whether others must hear of a change: a new epoch has begun. */
export function isNews(before: SharedRecord | undefined, after: SharedRecord): boolean {
  return before?.epoch !== after.epoch;
}

/**
 * Whether a change must be stored before it is told: transitions, permits, votes, leases, a larger fleet. The rest (counts, who reported
 * last, the booked slots) may be lost, and is stored every few seconds.
 */
export function mustStore(before: SharedRecord | undefined, after: SharedRecord): boolean {
  if (before === undefined || before.epoch !== after.epoch) return true;
  if (after.kind === "circuit" && hasGrown(before, after)) return true;
  return vital(before) !== vital(after);
}

/**
 * The record of a home that was restarted and may have stored it some time ago: to be called once, before the first
 * report. A limiter then leases nothing until what it may have forgotten has ended.
 */
export function revive(record: SharedRecord): SharedRecord {
  const now = current(record);
  return now.kind === "limiter" ? reviveLimiter(now) : now;
}

/** Milliseconds until something ends by itself that others wait for: a lease that somebody holds. Else nothing. */
export function endsIn(record: SharedRecord): number | undefined {
  return record.kind === "lease" && record.holder !== "" ? record.until - record.time : undefined;
}

/** Ends what is over, for a home that wakes by itself. */
export function expire(record: SharedRecord, now: number): SharedRecord {
  return record.kind === "lease" ? expireLease(record, now) : record;
}

function decide(
  record: SharedRecord | undefined,
  report: Report,
  now: number,
  quorum: Quorum,
  rate: number | undefined,
): [SharedRecord, View] {
  switch (report.kind) {
    case "limiter":
      return coordinateLimiter(record as LimiterRecord | undefined, report, now, rate);
    case "lease":
      return coordinateLease(record as LeaseRecord | undefined, report, now, rate);
    default:
      return coordinateCircuit(record as CircuitRecord | undefined, report, now, quorum, rate);
  }
}

/** The record, of this version and this kind. */
function expected(stored: SharedRecord | undefined, kind: SharedRecord["kind"]): SharedRecord | undefined {
  const record = stored === undefined ? undefined : current(stored);
  if (record === undefined || record.kind === kind) return record;
  const error = new TypeError(`this is the name of a ${record.kind}, and not of a ${kind}`);
  throw Object.assign(error, { refused: true });
}

/** A record of this version: the first one knew circuits only, and booked no slots. */
function current(record: SharedRecord): SharedRecord {
  if (record.kind !== undefined) return record;
  const { members, ...old } = record as CircuitRecord;
  const added = { few: false, calls: 0, fails: 0, slows: 0, next: -1 };
  return {
    ...old,
    version: 2,
    kind: "circuit",
    slots: noSlots,
    members: members.map((member) => ({ ...added, ...member })),
  };
}

/** What of a record must outlive its home, as one text to compare. */
function vital(record: SharedRecord): string {
  const now = current(record);
  if (now.kind === "circuit") {
    const { permits, permitsGiven, successes, failers, members } = now;
    return JSON.stringify([permits, permitsGiven, successes, failers, openVotes(members)]);
  }
  // What a limiter leased need not outlive its home: see `revive`.
  if (now.kind === "limiter") return `${now.resets}`;
  return JSON.stringify([now.holder, now.until]);
}

export { type CircuitCommand, type CircuitRecord, newRecord, type Quorum } from "./shared-circuit.ts";
export type { LeaseRecord } from "./shared-lease.ts";
export type { LimiterRecord } from "./shared-limiter.ts";
