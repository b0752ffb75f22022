import { type CircuitState, type OpeningReason, openTime } from "./circuit.ts";
import type { Report, View } from "./sync.ts";

/** What a home keeps of one shared circuit. Plain JSON; times are the record's own, which only moves forward. */
export interface CircuitRecord {
  readonly version: 1;
  readonly epoch: number;
  readonly state: CircuitState;
  readonly reason: OpeningReason;
  /** The record's time in milliseconds, and the home's clock when it was read. */
  readonly time: number;
  readonly clock: number;
  /** When it may half-open. */
  readonly until: number;
  readonly openFor: number;
  readonly reopenings: number;
  readonly closedAt: number;
  readonly members: readonly Member[];
  /** How many replicas there are, by the record's memory: it grows at once and shrinks slowly. */
  readonly fleet: number;
  readonly permits: readonly Permit[];
  readonly permitsGiven: number;
  readonly successes: number;
  /** The replicas whose probes failed in this epoch. */
  readonly failers: readonly string[];
  /** Calls that all replicas reported in this epoch. */
  readonly counts: { readonly ok: number; readonly fail: number; readonly slow: number };
}

interface Member {
  readonly replica: string;
  readonly seq: number;
  readonly seen: number;
  /** Milliseconds between its reports, as a moving average. */
  readonly gap: number;
  readonly open: boolean;
}

interface Permit {
  readonly id: string;
  readonly replica: string;
  readonly until: number;
}

/** How many replicas must vote for opening: `majority` of the fleet, or `any` where one speaks for all (tabs). */
export type Quorum = "majority" | "any";

/** Replicas that a record remembers; past it the one that was silent longest is forgotten. */
const mostMembers = 256;
/** Milliseconds between reports of a replica, of a small fleet. */
const interval = 2_000;
/** Reports a second that a home takes; past it the interval grows with the fleet. */
const targetRate = 100;
/** Milliseconds in which the memory of a larger fleet halves. */
const fleetHalves = 60_000;
const shortestPermit = 2_000;
const longestPermit = 60_000;

/** A circuit that nobody has reported on yet. */
export function newRecord(now: number): CircuitRecord {
  return {
    version: 1,
    epoch: 1,
    state: "closed",
    reason: "failures",
    time: 0,
    clock: now,
    until: 0,
    openFor: 0,
    reopenings: 0,
    closedAt: -1,
    members: [],
    fleet: 0,
    permits: [],
    permitsGiven: 0,
    successes: 0,
    failers: [],
    counts: { ok: 0, fail: 0, slow: 0 },
  };
}

/**
 * Decides for a fleet: takes one replica's report and gives the new record and what the replica is to know.
 *
 * Pure, so that every home (memory, IndexedDB, a Durable Object) decides alike.
 *
 * @param now the home's clock in milliseconds; a step back counts as nothing
 */
export function coordinate(
  stored: CircuitRecord | undefined,
  report: Report,
  now: number,
  quorum: Quorum = "majority",
): [CircuitRecord, View] {
  let record = pass(stored ?? newRecord(now), now);
  record = adopt(record, report);
  const known = record.members.find((member) => member.replica === report.replica);
  const repeated = known !== undefined && report.seq <= known.seq;
  if (!repeated) record = enrol(record, report, known);
  record = halfOpenWhenDue(record);
  if (!repeated && report.epoch === record.epoch) {
    record = takeProbe(record, report, quorum);
    record = takeCounts(record, report);
    record = takeVotes(record, report, quorum);
  }
  return permitAndView(record, report);
}

/** What a person can make of a circuit. */
export type CircuitCommand = "open" | "close" | "reset" | "disable" | "metrics-only";

/** Does as a person says. `open` holds until another command. */
export function command(stored: CircuitRecord | undefined, what: CircuitCommand, now: number): CircuitRecord {
  const record = pass(stored ?? newRecord(now), now);
  switch (what) {
    case "open":
      return enter(record, "forced-open", "forced");
    case "disable":
      return enter(record, "disabled", "forced");
    case "metrics-only":
      return enter(record, "metrics-only", "forced");
    case "close":
      return enter(record, "closed", "forced");
    case "reset":
      return { ...enter(record, "closed", "forced"), reopenings: 0, closedAt: -1 };
  }
}

/** What a replica is to know, without a report of its own. */
export function viewOf(record: CircuitRecord): View {
  const remaining = record.state === "open" ? Math.max(0, record.until - record.time) : 0;
  const steady = Math.max(interval, (record.fleet / targetRate) * 1_000);
  const busy = record.state === "half-open" ? steady / 4 : steady;
  return {
    epoch: record.epoch,
    state: record.state,
    reason: record.reason,
    remaining,
    openFor: record.openFor,
    nextSync: Math.round(record.state === "open" ? Math.min(busy, Math.max(remaining, 100)) : busy),
  };
}

/** Lets time pass: forward only, else a clock that jumps back would freeze an open circuit. */
function pass(record: CircuitRecord, now: number): CircuitRecord {
  const step = Math.max(0, now - record.clock);
  const time = record.time + step;
  const standing = standingMembers(record.members, time).length;
  const remembered = record.fleet * 0.5 ** (step / fleetHalves);
  return { ...record, time, clock: now, fleet: Math.max(standing, remembered) };
}

/** A replica that is ahead shows that the record was lost: it leaps past, so that nobody ignores its views. */
function adopt(record: CircuitRecord, report: Report): CircuitRecord {
  return report.epoch > record.epoch ? { ...record, epoch: report.epoch + 1 } : record;
}

function enrol(record: CircuitRecord, report: Report, known: Member | undefined): CircuitRecord {
  const gap = known === undefined ? interval : 0.5 * known.gap + 0.5 * (record.time - known.seen);
  const member: Member = {
    replica: report.replica,
    seq: report.seq,
    seen: record.time,
    gap: Math.max(gap, 1),
    open: known?.open ?? false,
  };
  const others = record.members.filter((other) => other.replica !== report.replica);
  const members = [...others, member].slice(-mostMembers);
  return { ...record, members, fleet: Math.max(record.fleet, standingMembers(members, record.time).length) };
}

/** The replicas whose votes stand: those heard of within two of their own gaps. */
function standingMembers(members: readonly Member[], time: number): readonly Member[] {
  return members.filter((member) => time - member.seen <= 2 * Math.max(member.gap, interval));
}

function halfOpenWhenDue(record: CircuitRecord): CircuitRecord {
  return record.state === "open" && record.time >= record.until
    ? enter(record, "half-open", record.reason)
    : record;
}

function takeProbe(record: CircuitRecord, report: Report, quorum: Quorum): CircuitRecord {
  const { probe } = report;
  if (probe === undefined || record.state !== "half-open") return record;
  const permit = record.permits.find(
    (given) => given.id === probe.permit && given.replica === report.replica,
  );
  if (permit === undefined || permit.until < record.time) return record;
  const permits = record.permits.filter((given) => given !== permit);
  if (probe.ok) {
    const successes = record.successes + 1;
    if (successes < report.rules.successesToClose) return { ...record, permits, successes };
    return { ...enter(record, "closed", "probe"), closedAt: record.time };
  }
  const failers = record.failers.includes(report.replica)
    ? record.failers
    : [...record.failers, report.replica];
  // One bad node must not hold the circuit open where another could find out better.
  const needed = quorum === "any" ? 1 : Math.min(2, standingMembers(record.members, record.time).length);
  if (failers.length < needed) return { ...record, permits, failers };
  return openAgain({ ...record, permits, failers }, report, record.reopenings + 1, "probe");
}

function takeCounts(record: CircuitRecord, report: Report): CircuitRecord {
  if (report.epoch !== record.epoch) return record;
  const { ok, fail, slow } = record.counts;
  return {
    ...record,
    counts: { ok: ok + report.ok, fail: fail + report.fail, slow: slow + report.slow },
  };
}

function takeVotes(record: CircuitRecord, report: Report, quorum: Quorum): CircuitRecord {
  if (report.epoch !== record.epoch) return record;
  const members = record.members.map((member) =>
    member.replica === report.replica ? { ...member, open: report.open } : member,
  );
  const voted = { ...record, members };
  if (record.state !== "closed") return voted;
  const votes = standingMembers(members, record.time).filter((member) => member.open).length;
  const fleet = Math.round(record.fleet);
  const needed = quorum === "any" || fleet <= 1 ? 1 : Math.max(2, Math.floor(fleet / 2) + 1);
  if (votes < needed) return voted;
  const soon = record.closedAt >= 0 && record.time - record.closedAt <= record.openFor;
  return openAgain(voted, report, soon ? record.reopenings + 1 : 0, "fleet");
}

function openAgain(
  record: CircuitRecord,
  { rules, asked }: Report,
  reopenings: number,
  reason: OpeningReason,
): CircuitRecord {
  const openFor = openTime(rules, reopenings, asked);
  return { ...enter(record, "open", reason), openFor, reopenings, until: record.time + openFor };
}

/** Begins a new epoch: what belonged to the old one (votes, permits, counts) ends with it. */
function enter(record: CircuitRecord, state: CircuitState, reason: OpeningReason): CircuitRecord {
  return {
    ...record,
    state,
    reason,
    epoch: record.epoch + 1,
    members: record.members.map((member) => ({ ...member, open: false })),
    permits: [],
    successes: 0,
    failers: [],
    counts: { ok: 0, fail: 0, slow: 0 },
  };
}

function permitAndView(record: CircuitRecord, report: Report): [CircuitRecord, View] {
  const view = viewOf(record);
  if (record.state !== "half-open") return [record, view];
  const live = record.permits.filter((permit) => permit.until > record.time);
  const mine = live.find((permit) => permit.replica === report.replica);
  if (mine !== undefined) {
    return [record, { ...view, permit: { id: mine.id, ttl: mine.until - record.time } }];
  }
  // A prober that failed lets another replica find out, where there is one.
  const failed = record.failers.includes(report.replica) && record.fleet > 1;
  if (!report.wantsProbe || failed || live.length >= report.rules.probes) {
    return [{ ...record, permits: live }, view];
  }
  // It has just been enrolled, or its report is a repeated one.
  const { gap } = record.members.find((member) => member.replica === report.replica) as Member;
  const ttl = Math.min(longestPermit, Math.max(shortestPermit, 3 * gap));
  const permitsGiven = record.permitsGiven + 1;
  const permit: Permit = {
    id: `${record.epoch}.${permitsGiven}`,
    replica: report.replica,
    until: record.time + ttl,
  };
  return [
    { ...record, permits: [...live, permit], permitsGiven },
    { ...view, permit: { id: permit.id, ttl } },
  ];
}
