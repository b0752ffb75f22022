import { type CircuitState, type OpeningReason, openTime } from "./circuit.ts";
import {
  ask,
  enrol,
  heads,
  interval,
  type Member,
  mostMembers,
  pass,
  recall,
  type Shared,
  standing,
  unshared,
  urgency,
} from "./members.ts";
import { booked } from "./slots.ts";
import type { CircuitReport, CircuitView } from "./sync.ts";

/** What a home keeps of one shared circuit. */
export interface CircuitRecord extends Shared<CircuitMember> {
  readonly version: 2;
  readonly kind: "circuit";
  readonly state: CircuitState;
  readonly reason: OpeningReason;
  /** When it may half-open. */
  readonly until: number;
  readonly openFor: number;
  readonly reopenings: number;
  readonly closedAt: number;
  readonly permits: readonly Permit[];
  readonly permitsGiven: number;
  readonly successes: number;
  /** The replicas whose probes failed in this epoch. */
  readonly failers: readonly string[];
  /** Calls that were reported in this epoch. */
  readonly counts: { readonly ok: number; readonly fail: number; readonly slow: number };
}

interface CircuitMember extends Member {
  /** Its standing vote. */
  readonly open: boolean;
  /** Its own window holds too few calls to judge by. */
  readonly few: boolean;
  /** What it reported in this epoch; half of it is forgotten in `evidenceHalves`. */
  readonly calls: number;
  readonly fails: number;
  readonly slows: number;
}

interface Permit {
  readonly id: string;
  readonly replica: string;
  readonly until: number;
}

/** How many replicas must vote for opening: `majority` of the fleet, or `any` where one speaks for all (tabs). */
export type Quorum = "majority" | "any";

/** Milliseconds in which what a replica's counts say is worth half. */
const evidenceHalves = 30_000;
const shortestPermit = 2_000;
const longestPermit = 60_000;

/** A circuit that nobody has reported on yet. */
export function newRecord(now: number): CircuitRecord {
  return {
    version: 2,
    kind: "circuit",
    ...unshared(now),
    state: "closed",
    reason: "failures",
    until: 0,
    openFor: 0,
    reopenings: 0,
    closedAt: -1,
    permits: [],
    permitsGiven: 0,
    successes: 0,
    failers: [],
    counts: { ok: 0, fail: 0, slow: 0 },
  };
}

/** Decides for the circuit of a fleet. */
export function coordinateCircuit(
  stored: CircuitRecord | undefined,
  report: CircuitReport,
  now: number,
  quorum: Quorum,
): [CircuitRecord, CircuitView] {
  let record = pass(stored ?? newRecord(now), now);
  // A replica that is ahead shows that the record was lost: it leaps past, so that nobody ignores its views.
  if (report.epoch > record.epoch) record = { ...record, epoch: report.epoch + 1 };
  const [known, repeated] = recall(record, report);
  if (!repeated) record = take(record, report, known);
  record = halfOpenWhenDue(record);
  if (!repeated && report.epoch === record.epoch) {
    record = takeProbe(record, report);
    record = openWhenMostSaySo(record, report, quorum);
  }
  record = openWhenProbesFailed(record, report, quorum);
  return answer(record, report, repeated);
}

/** What a person can make of a circuit. */
export type CircuitCommand = "open" | "close" | "reset" | "disable" | "metrics-only";

/** Does as a person says. `open` holds until another command. */
export function commandCircuit(
  stored: CircuitRecord | undefined,
  what: CircuitCommand,
  now: number,
): CircuitRecord {
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

/** What any replica may know of a circuit, without a report of its own. */
export function circuitView(record: CircuitRecord): CircuitView {
  const urgent = urgency(record.fleet);
  return {
    epoch: record.epoch,
    state: record.state,
    reason: record.reason,
    remaining: remaining(record),
    openFor: record.openFor,
    nextSync: pause(record),
    ...(urgent < 1 && { urgency: urgent }),
  };
}

/** Begins a new epoch: what belonged to the old one (votes, permits, counts) ends with it. */
export function enter(record: CircuitRecord, state: CircuitState, reason: OpeningReason): CircuitRecord {
  return {
    ...record,
    state,
    reason,
    epoch: record.epoch + 1,
    members: record.members.map((member) => ({ ...member, open: false, calls: 0, fails: 0, slows: 0 })),
    permits: [],
    successes: 0,
    failers: [],
    counts: { ok: 0, fail: 0, slow: 0 },
  };
}

function remaining({ state, until, time }: CircuitRecord): number {
  return state === "open" ? Math.max(0, until - time) : 0;
}

/** Milliseconds after which a replica should report again, at the soonest. */
function pause(record: CircuitRecord): number {
  if (record.state === "half-open") return interval / 4;
  return record.state === "open" ? Math.min(interval, Math.max(remaining(record), 100)) : interval;
}

/** Takes a report for the first time: its vote and its counts, if they are of this epoch. */
function take(record: CircuitRecord, report: CircuitReport, known: CircuitMember | undefined): CircuitRecord {
  const { ok, fail, slow, open, few = false, size } = report;
  const { open: voted = false, calls = 0, fails = 0, slows = 0, seen = record.time } = known ?? {};
  const current = report.epoch === record.epoch;
  const kept = 0.5 ** ((record.time - seen) / evidenceHalves);
  const taken = enrol<CircuitMember, CircuitRecord>(record, report, known, {
    open: current ? open : voted,
    few,
    calls: calls * kept + (current ? ok + fail : 0),
    fails: fails * kept + (current ? fail : 0),
    slows: slows * kept + (current ? slow : 0),
    ...(size !== undefined && { size }),
  });
  // Of a replica that may have been forgotten nobody knows whether this report comes for the first time.
  const first = known !== undefined || record.members.length < mostMembers;
  if (!current || !first) return taken;
  const { counts } = record;
  return { ...taken, counts: { ok: counts.ok + ok, fail: counts.fail + fail, slow: counts.slow + slow } };
}

function halfOpenWhenDue(record: CircuitRecord): CircuitRecord {
  return record.state === "open" && record.time >= record.until
    ? enter(record, "half-open", record.reason)
    : record;
}

function takeProbe(record: CircuitRecord, { probe, replica, rules }: CircuitReport): CircuitRecord {
  if (probe === undefined || record.state !== "half-open") return record;
  const permit = record.permits.find((given) => given.id === probe.permit && given.replica === replica);
  if (permit === undefined || permit.until < record.time) return record;
  const permits = record.permits.filter((given) => given !== permit);
  if (probe.ok) {
    const successes = record.successes + 1;
    if (successes < rules.successesToClose) return { ...record, permits, successes };
    return { ...enter(record, "closed", "probe"), closedAt: record.time };
  }
  const failers = record.failers.includes(replica) ? record.failers : [...record.failers, replica];
  return { ...record, permits, failers };
}

/** One bad node must not hold the circuit open where another could find out better. */
function openWhenProbesFailed(record: CircuitRecord, report: CircuitReport, quorum: Quorum): CircuitRecord {
  const { failers, state, reopenings } = record;
  if (state !== "half-open" || failers.length === 0) return record;
  const enough = quorum === "any" || failers.length > 1 || !othersThan(failers, record);
  return enough ? openAgain(record, report, reopenings + 1, "probe") : record;
}

/** Whether anybody else is there. */
function othersThan(replicas: readonly string[], record: CircuitRecord): boolean {
  return standing(record).some(({ replica }) => !replicas.includes(replica));
}

/** Opens when most of the fleet says so: by its votes, or by counts which together hold calls enough. */
function openWhenMostSaySo(record: CircuitRecord, report: CircuitReport, quorum: Quorum): CircuitRecord {
  if (record.state !== "closed") return record;
  const { rules } = report;
  const members = standing(record);
  const votes = members.filter(({ open }) => open);
  const saying = members.filter((member) => !member.open && failing(member, rules));
  const calls = saying.reduce((sum, member) => sum + member.calls, 0);
  const fleet = Math.round(record.fleet);
  const needed = quorum === "any" || fleet <= 1 ? 1 : Math.max(2, Math.floor(fleet / 2) + 1);
  // Those that are remembered stand for all that keep reporting.
  const each = fleet > mostMembers ? Math.max(1, booked(record.slots) / heads(members)) : 1;
  const byVotes = heads(votes) * each >= needed;
  const byCounts =
    calls >= (rules.minimumCalls ?? Infinity) && (heads(votes) + heads(saying)) * each >= needed;
  if (!byVotes && !byCounts) return record;
  const soon = record.closedAt >= 0 && record.time - record.closedAt <= record.openFor;
  return openAgain(record, report, soon ? record.reopenings + 1 : 0, "fleet");
}

function failing(
  { few, calls, fails, slows }: CircuitMember,
  { failureRate = Infinity, slowCallRate = Infinity }: CircuitReport["rules"],
): boolean {
  return few && calls > 0 && (fails >= failureRate * calls || slows >= slowCallRate * calls);
}

function openAgain(
  record: CircuitRecord,
  { rules, asked }: CircuitReport,
  reopenings: number,
  reason: OpeningReason,
): CircuitRecord {
  const openFor = openTime(rules, reopenings, asked);
  return { ...enter(record, "open", reason), openFor, reopenings, until: record.time + openFor };
}

function answer(
  record: CircuitRecord,
  report: CircuitReport,
  repeated: boolean,
): [CircuitRecord, CircuitView] {
  const { replica } = report;
  const [asked, nextSync] = ask(record, replica, repeated, pause(record));
  const view: CircuitView = { ...circuitView(asked), nextSync };
  if (record.state !== "half-open") return [asked, view];
  const live = record.permits.filter((permit) => permit.until > record.time);
  const mine = live.find((permit) => permit.replica === replica);
  if (mine !== undefined) {
    return [asked, { ...view, permit: { id: mine.id, ttl: mine.until - record.time } }];
  }
  // A prober that failed lets another replica find out, where there is one.
  const failed = record.failers.includes(replica);
  if (!report.wantsProbe || failed || live.length >= report.rules.probes) {
    return [{ ...asked, permits: live }, view];
  }
  // It has just been enrolled, or its report is a repeated one.
  const { gap } = record.members.find((member) => member.replica === replica) as CircuitMember;
  const ttl = Math.min(longestPermit, Math.max(shortestPermit, 3 * gap));
  const permitsGiven = record.permitsGiven + 1;
  const id = `${record.epoch}.${permitsGiven}`;
  const permits = [...live, { id, replica, until: record.time + ttl }];
  return [
    { ...asked, permits, permitsGiven },
    { ...view, permit: { id, ttl } },
  ];
}
