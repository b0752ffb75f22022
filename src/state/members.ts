import { book, booked, cancel, noSlots, passed, type Slots } from "./slots.ts";
import type { Report } from "./sync.ts";

/** What a home remembers of one replica. */
export interface Member {
  readonly replica: string;
  readonly seq: number;
  /** When it reported last, by the record's time. */
  readonly seen: number;
  /** Milliseconds between its reports, as a moving average. */
  readonly gap: number;
  /** When it was asked to report again. */
  readonly next: number;
  /** Of a region: how many replicas it speaks for. */
  readonly size?: number;
}

/** What a home keeps of anything shared. Plain JSON; times are the record's own, which only moves forward. */
export interface Shared<M extends Member = Member> {
  readonly epoch: number;
  /** The record's time in milliseconds, and the home's clock when it was read. */
  readonly time: number;
  readonly clock: number;
  readonly members: readonly M[];
  /** How many replicas there are, by the record's memory: it grows at once and shrinks slowly. */
  readonly fleet: number;
  readonly slots: Slots;
}

/** Replicas that a record remembers; past it the one that was silent longest is forgotten, and the rest are a sample. */
export const mostMembers = 256;
/** Milliseconds between reports of a replica, while there is room. */
export const interval = 2_000;
/** Milliseconds in which the memory of a larger fleet halves. */
const fleetHalves = 300_000;
/** Replicas of a fleet that report news at once; the others wait for their slots. */
const urgentReports = 40;

/** Something shared that nobody has reported on yet. */
export function unshared(now: number): Shared<never> {
  return { epoch: 1, time: 0, clock: now, members: [], fleet: 0, slots: noSlots };
}

/** Milliseconds by which clocks of those who write one record may differ: the one that is ahead counts. */
const skew = 10_000;

/**
 * Lets time pass: forward only. A clock that jumps back by more than clocks may differ is followed, else it would freeze
 * all that is to end; for less it is not, else time would run ahead where clocks take turns.
 */
export function pass<R extends Shared>(record: R, now: number): R {
  const step = Math.max(0, now - record.clock);
  const time = record.time + step;
  const slots = passed(record.slots, time);
  const clock = now < record.clock - skew ? now : record.clock + step;
  const later = { ...record, time, slots, clock };
  return { ...later, fleet: sized(later, slots, record.fleet * 0.5 ** (step / fleetHalves)) };
}

/** The replicas whose word stands: those heard of within two of their own gaps. */
export function standing<M extends Member>({
  members,
  time,
}: Pick<Shared<M>, "members" | "time">): readonly M[] {
  return members.filter((member) => time - member.seen <= 2 * Math.max(member.gap, interval));
}

/** What is remembered of who reports, and whether this report was taken before. */
export function recall<M extends Member>({ members }: Shared<M>, report: Report): [M | undefined, boolean] {
  const known = members.find((member) => member.replica === report.replica);
  return [known, known !== undefined && report.seq <= known.seq];
}

/**
 * Takes note of who reports, and of when it is to do so again.
 *
 * @param says what this report adds to what is remembered of the replica
 * @param pause milliseconds after which it is to report again, at the soonest
 * @param keeps who must not be forgotten
 */
export function enrol<M extends Member, R extends Shared<M>>(
  record: R,
  report: Report,
  known: M | undefined,
  says: Omit<M, keyof Member>,
  keeps: (member: M) => boolean = () => false,
): R {
  const gap = known === undefined ? interval : 0.5 * known.gap + 0.5 * (record.time - known.seen);
  const head: Member = {
    replica: report.replica,
    seq: report.seq,
    seen: record.time,
    gap: Math.max(gap, 1),
    next: known?.next ?? -1,
  };
  const others = record.members.filter((other) => other.replica !== report.replica);
  const members = [...others, { ...head, ...says } as M];
  if (members.length > mostMembers) {
    const silent = members.findIndex((member) => !keeps(member));
    members.splice(silent, 1);
  }
  const enrolled = { ...record, members };
  return { ...enrolled, fleet: Math.max(record.fleet, present(enrolled)) };
}

/**
 * Asks a replica to report again, after `pause` at the soonest. Gives the milliseconds until then.
 *
 * @param rate reports a second that the home asks for
 */
export function ask<R extends Shared>(
  record: R,
  replica: string,
  repeated: boolean,
  pause: number,
  rate?: number,
): [R, number] {
  const known = record.members.find((member) => member.replica === replica);
  const kept = known?.next ?? -1;
  if (repeated && kept > record.time) return [record, kept - record.time];
  const [slots, at] = book(
    kept > record.time ? cancel(record.slots, kept) : record.slots,
    record.time + pause,
    rate,
  );
  const members = record.members.map((member) => (member === known ? { ...member, next: at } : member));
  const asked = { ...record, members, slots };
  return [{ ...asked, fleet: sized(asked, slots, record.fleet) }, Math.round(at - record.time)];
}

/** The probability with which a replica of a fleet of this size reports news at once. */
export function urgency(fleet: number): number {
  return Math.min(1, urgentReports / Math.max(1, fleet));
}

/** Whether a fleet is larger by a tenth: a home that forgot how it grew would take a minority for all. */
export function hasGrown(before: Shared, after: Shared): boolean {
  const level = ({ fleet }: Shared): number => Math.floor(Math.log(fleet) / Math.log(1.1));
  return level(after) > level(before);
}

/** How many there are that report: a region does so for all of its replicas. */
export function reporters({ fleet, members }: Shared): number {
  const voices = members.filter(({ size }) => size !== 0).length;
  return (fleet * voices) / Math.max(1, heads(members));
}

/** How many replicas these are. */
export function heads(members: readonly Member[]): number {
  return members.reduce((sum, { size = 1 }) => sum + size, 0);
}

/**
 * Those whose word stands, with those that fell silent as far as they are not forgotten; or all that were asked for a
 * report, where they are more; or as many as there were before.
 */
function sized(record: Shared, slots: Slots, remembered: number): number {
  return Math.max(present(record), booked(slots), remembered);
}

function present({ members, time }: Shared): number {
  return members.reduce((sum, { size = 1, seen, gap }) => {
    const silent = time - seen;
    return sum + (silent <= 2 * Math.max(gap, interval) ? size : size * 0.5 ** (silent / fleetHalves));
  }, 0);
}
