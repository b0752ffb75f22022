import {
  ask,
  enrol,
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
import type { LimiterReport, LimiterView } from "./sync.ts";

/** What a home keeps of one shared rate limit. It knows shares only: what they are shares of, the replicas know. */
export interface LimiterRecord extends Shared<LimiterMember> {
  readonly version: 2;
  readonly kind: "limiter";
  /** Until when nothing is leased: leases that a lost record gave may still hold. */
  readonly quietUntil: number;
  /** How often somebody had the replicas forget what they have counted. */
  readonly resets?: number;
}

interface LimiterMember extends Member {
  readonly demand: number;
  /** What it may be using: the lease that it was given last, and those before of which it may not know that they ended. */
  readonly leases: readonly Lease[];
}

interface Lease {
  /** The report that it answered. */
  readonly seq: number;
  readonly share: number;
  readonly until: number;
}

/** Milliseconds for which a share is leased: three reports may be lost. */
const leaseFor = 3 * interval;
/** Milliseconds between the reports of a replica whose share, and whose fleet's limit, is ample; and those of its lease. */
const calmInterval = 3 * interval;
const calmLeaseFor = 2 * calmInterval;
/** What is at most this part of what it is taken from leaves ample. */
const calmPart = 0.5;
/** Milliseconds after which a home stores what need not be stored at once. */
const storedEvery = 5_000;
/** Shares below this are none. */
const leastShare = 1e-6;

/** Decides how the rate of a fleet is shared, by what each could use. */
export function coordinateLimiter(
  stored: LimiterRecord | undefined,
  report: LimiterReport,
  now: number,
  rate?: number,
): [LimiterRecord, LimiterView] {
  let record = pass(stored ?? newRecord(now), now);
  const [known, repeated] = recall(record, report);
  const ahead = report.epoch > record.epoch;
  if (ahead || (!known && report.lease > 0) || (!stored && report.epoch > 0)) {
    // The record was lost, and with it who holds what.
    const epoch = ahead ? report.epoch + 1 : record.epoch;
    record = { ...record, epoch, quietUntil: record.time + calmLeaseFor };
  }
  if (!repeated) {
    const leases = (known?.leases ?? []).filter(
      ({ seq, until }) => seq >= report.lease && until > record.time,
    );
    const says = { demand: report.demand, leases };
    const { time } = record;
    record = enrol(record, report, known, says, ({ leases }) => leases.some(({ until }) => until > time));
  }
  const [leased, lease, calm] = grant(record, report);
  const [asked, nextSync] = ask(leased, report.replica, repeated, calm ? calmInterval : interval, rate);
  const view: LimiterView = {
    ...limiterView(asked),
    nextSync,
    share: lease?.share ?? 0,
    ttl: lease === undefined ? 0 : lease.until - asked.time,
  };
  return [asked, view];
}

/** What any replica may know of a rate limit, without a report of its own. */
export function limiterView(record: LimiterRecord): LimiterView {
  const urgent = urgency(record.fleet);
  return {
    kind: "limiter",
    epoch: record.epoch,
    share: 0,
    ttl: 0,
    fleet: Math.max(1, Math.round(record.fleet)),
    nextSync: interval,
    ...(urgent < 1 && { urgency: urgent }),
    ...(record.resets !== undefined && { resets: record.resets }),
  };
}

/** Has all replicas forget what they have counted; each hears of it with its next report. */
export function resetLimiter(stored: LimiterRecord | undefined, now: number): LimiterRecord {
  const record = pass(stored ?? newRecord(now), now);
  return { ...record, resets: (record.resets ?? 0) + 1 };
}

/** Leases nothing until all that may have been leased has ended, since it was stored or before. */
export function reviveLimiter(record: LimiterRecord): LimiterRecord {
  return { ...record, quietUntil: record.time + storedEvery + calmLeaseFor };
}

function newRecord(now: number): LimiterRecord {
  return { version: 2, kind: "limiter", ...unshared(now), quietUntil: 0 };
}

/** Leases a share, of what nobody else may be using; and says whether it is so ample that its replica may come back later. */
function grant(
  record: LimiterRecord,
  report: LimiterReport,
): [record: LimiterRecord, lease: Lease | undefined, calm: boolean] {
  const { time, members, quietUntil } = record;
  const mine = members.find(({ replica }) => replica === report.replica);
  // In a fleet too large to be remembered each keeps to its part.
  if (mine === undefined || time < quietUntil || record.fleet > mostMembers)
    return [record, undefined, false];
  const given = mine.leases.find(({ seq, until }) => seq === report.seq && until > time);
  if (given !== undefined) return [record, given, given.until - time > leaseFor];
  const others = members.filter((member) => member !== mine);
  const free = 1 - others.reduce((sum, member) => sum + inUse(member, time), 0);
  const demands = standing(record).map(({ demand }) => demand);
  const share = Math.min(free, fairShare(demands, mine.demand));
  if (share < leastShare) return [record, undefined, false];
  const wanted = demands.reduce((sum, demand) => sum + demand, 0);
  // Nobody waits for what this one has to give back, and a first report knows nothing of its demand.
  const calm =
    report.lease !== 0 && wanted <= calmPart && mine.demand <= calmPart * share && share >= inUse(mine, time);
  const lease = { seq: report.seq, share, until: time + (calm ? calmLeaseFor : leaseFor) };
  const changed = { ...mine, leases: [...mine.leases, lease] };
  return [{ ...record, members: members.map((member) => (member === mine ? changed : member)) }, lease, calm];
}

/** The most that a replica may be using. */
function inUse({ leases }: LimiterMember, time: number): number {
  return leases.reduce((most, { share, until }) => (until > time ? Math.max(most, share) : most), 0);
}

/**
 * The fair share of one among these demands: nobody gets more than it could use as long as another wants more than its
 * part, and what is left over is divided evenly.
 *
 * Source: max-min fairness, Bertsekas and Gallager, Data Networks, 1992, 6.5.2.
 */
function fairShare(demands: readonly number[], mine: number): number {
  let left = 1;
  let takers = demands.length;
  for (const demand of [...demands].sort((a, b) => a - b)) {
    const part = left / takers;
    // From here on all want more than their part.
    if (demand > part) return Math.min(mine, part);
    left -= demand;
    takers--;
  }
  return mine + left / demands.length;
}
