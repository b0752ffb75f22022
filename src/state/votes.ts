import { enrol, heads, type Member, mostMembers, type Shared, standing } from "./members.ts";
import { booked } from "./slots.ts";
import type { CircuitReport, SharedRules } from "./sync.ts";

/** What a home remembers of one that reports on a circuit. */
export interface CircuitMember extends Member {
  /** Its standing vote. */
  readonly open: boolean;
  /** Its own window holds too few calls to judge by. */
  readonly few: boolean;
  /** What it reported in this epoch; half of it is forgotten in `evidenceHalves`. */
  readonly calls: number;
  readonly fails: number;
  readonly slows: number;
  /** Of a region: its name, how many of it vote for opening, and how many more have counts that speak for it. */
  readonly region?: { readonly name: string; readonly votes: number; readonly failing: number };
}

/** What a home keeps of those that report on a circuit, whether it decides or speaks for them. */
export interface Voters extends Shared<CircuitMember> {
  /** Calls that were reported in this epoch. */
  readonly counts: Counts;
}

export interface Counts {
  readonly ok: number;
  readonly fail: number;
  readonly slow: number;
}

export const noCounts: Counts = { ok: 0, fail: 0, slow: 0 };

/** Milliseconds in which what a replica's counts say is worth half. */
const evidenceHalves = 30_000;

/** Takes a report for the first time: its vote and its counts, if they are of this epoch. */
export function take<R extends Voters>(
  record: R,
  report: CircuitReport,
  known: CircuitMember | undefined,
): R {
  const { ok, fail, slow, region } = report;
  const current = report.epoch === record.epoch;
  // Of a replica that may have been forgotten nobody knows whether this report comes for the first time.
  const first = known !== undefined || record.members.length < mostMembers;
  const says = region === undefined ? ofReplica(record, report, known) : ofRegion(record, report, known);
  const heirs = region === undefined ? record : superseded(record, report.replica, region.name);
  const taken = enrol<CircuitMember, R>(heirs, report, known, says);
  if (!current || !first) return taken;
  const { counts } = record;
  return { ...taken, counts: { ok: counts.ok + ok, fail: counts.fail + fail, slow: counts.slow + slow } };
}

/** Those whose word stands say: how many vote for opening, how many more have counts that speak for it, of how many. */
export function tally(
  record: Voters,
  rules: SharedRules,
): { votes: number; failing: number; calls: number; fleet: number } {
  const members = standing(record);
  const fleet = Math.round(record.fleet);
  // Those that are remembered stand for all that keep reporting.
  const each = fleet > mostMembers ? Math.max(1, booked(record.slots) / heads(members)) : 1;
  const failing = members.filter((member) => failingHeads(member, rules) > 0);
  return {
    votes: openVotes(members) * each,
    failing: failing.reduce((sum, member) => sum + failingHeads(member, rules), 0) * each,
    calls: failing.reduce((sum, { calls }) => sum + calls, 0),
    fleet,
  };
}

/** How many of these vote for opening. */
export function openVotes(members: readonly CircuitMember[]): number {
  return members.reduce((sum, { open, region }) => sum + (region?.votes ?? (open ? 1 : 0)), 0);
}

/** As a new epoch begins: what was said in the old one ends with it. */
export function silenced(members: readonly CircuitMember[]): readonly CircuitMember[] {
  return members.map(({ region, ...member }) => ({
    ...member,
    open: false,
    calls: 0,
    fails: 0,
    slows: 0,
    ...(region && { region: { ...region, votes: 0, failing: 0 } }),
  }));
}

type Says = Omit<CircuitMember, "replica" | "seq" | "seen" | "gap" | "next">;

function ofReplica(record: Voters, report: CircuitReport, known: CircuitMember | undefined): Says {
  const { ok, fail, slow, open, few = false } = report;
  const { open: voted = false, calls = 0, fails = 0, slows = 0, seen = record.time } = known ?? {};
  const current = report.epoch === record.epoch;
  const kept = 0.5 ** ((record.time - seen) / evidenceHalves);
  return {
    open: current ? open : voted,
    few,
    calls: calls * kept + (current ? ok + fail : 0),
    fails: fails * kept + (current ? fail : 0),
    slows: slows * kept + (current ? slow : 0),
  };
}

/** A region says what its replicas say now, all of it each time. */
function ofRegion(record: Voters, { epoch, region }: CircuitReport, known: CircuitMember | undefined): Says {
  const { name, size, votes, failing, calls } = region as NonNullable<CircuitReport["region"]>;
  const current = epoch === record.epoch;
  const said = current ? { name, votes, failing } : (known?.region ?? { name, votes: 0, failing: 0 });
  const before = known?.calls ?? 0;
  return { open: false, few: true, calls: current ? calls : before, fails: 0, slows: 0, size, region: said };
}

/** Another home spoke for the region before: it is remembered, so that nothing counts twice, but has no voice. */
function superseded<R extends Voters>(record: R, replica: string, name: string): R {
  const members = record.members.map((member) =>
    member.region?.name === name && member.replica !== replica
      ? { ...member, size: 0, calls: 0, region: { name, votes: 0, failing: 0 } }
      : member,
  );
  return { ...record, members };
}

function failingHeads(member: CircuitMember, rules: SharedRules): number {
  const { open, few, calls, fails, slows, region } = member;
  if (region !== undefined) return region.failing;
  const { failureRate = Infinity, slowCallRate = Infinity } = rules;
  const bad = fails >= failureRate * calls || slows >= slowCallRate * calls;
  return !open && few && calls > 0 && bad ? 1 : 0;
}
