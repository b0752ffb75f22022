import {
  ask,
  enrol,
  interval,
  type Member,
  pass,
  recall,
  type Shared,
  unshared,
  urgency,
} from "./members.ts";
import type { LeaseReport, LeaseView } from "./sync.ts";

/** What a home keeps of one lease: who holds it. Its epoch is the holder's fencing token. */
export interface LeaseRecord extends Shared<Member> {
  readonly version: 2;
  readonly kind: "lease";
  /** `""` for nobody. */
  readonly holder: string;
  readonly until: number;
}

/** A holder may count on so much less than the home waits: its clock may be slow by as much. */
const safety = 0.9;

/** Decides who holds a lease: who has it keeps it, as long as it asks in time; then whoever asks first gets it. */
export function coordinateLease(
  stored: LeaseRecord | undefined,
  report: LeaseReport,
  now: number,
  rate?: number,
): [LeaseRecord, LeaseView] {
  let record = expireLease(stored ?? newRecord(now), now);
  // The record was lost, and with it who holds the lease: the token of the next one must be past all before.
  if (report.epoch > record.epoch) record = vacate({ ...record, epoch: report.epoch });
  const [known, repeated] = recall(record, report);
  if (!repeated) {
    record = enrol<Member, LeaseRecord>(record, report, known, {});
    record = decide(record, report);
  }
  const held = record.holder === report.replica;
  const [asked, nextSync] = ask(record, report.replica, repeated, pause(record, report, held), rate);
  const left = record.until - record.time;
  return [asked, { ...leaseView(asked), nextSync, held, remaining: held ? left * safety : left }];
}

/** Ends a lease whose time is over. For homes that can wake by themselves: the others wait for the next report. */
export function expireLease(record: LeaseRecord, now: number): LeaseRecord {
  const passed = pass(record, now);
  return passed.holder !== "" && passed.time >= passed.until ? vacate(passed) : passed;
}

/** What any replica may know of a lease, without a report of its own. */
export function leaseView(record: LeaseRecord): LeaseView {
  const urgent = urgency(record.fleet);
  return {
    kind: "lease",
    epoch: record.epoch,
    held: false,
    remaining: Math.max(0, record.until - record.time),
    nextSync: interval,
    ...(urgent < 1 && { urgency: urgent }),
  };
}

/** Its tokens begin at the home's time, so that one that was wiped gives none that are older than those before. */
function newRecord(now: number): LeaseRecord {
  const epoch = Math.max(1, Math.floor(now));
  return { version: 2, kind: "lease", ...unshared(now), epoch, holder: "", until: 0 };
}

function vacate(record: LeaseRecord): LeaseRecord {
  return { ...record, epoch: record.epoch + 1, holder: "", until: record.time };
}

function decide(record: LeaseRecord, { replica, wants, ttl }: LeaseReport): LeaseRecord {
  const mine = record.holder === replica;
  if (!wants) return mine ? vacate(record) : record;
  const until = record.time + ttl;
  if (mine) return { ...record, until };
  return record.holder === "" ? { ...record, epoch: record.epoch + 1, holder: replica, until } : record;
}

/** The holder renews three times in its lease. The others ask when it ends, and not much later. */
function pause({ until, time }: LeaseRecord, { wants, ttl }: LeaseReport, held: boolean): number {
  if (held) return ttl / 3;
  return wants ? Math.min(interval, Math.max(until - time, 100)) : interval;
}
