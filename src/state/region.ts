import { ask, hasGrown, pass, recall, unshared, urgency } from "./members.ts";
import { pauseIn } from "./shared-circuit.ts";
import type { CircuitReport, CircuitView, RegionSays, SharedRules } from "./sync.ts";
import { noCounts, openVotes, silenced, take, tally, type Voters } from "./votes.ts";

/**
 * What the home of one region keeps of a shared circuit whose root is elsewhere: it decides nothing, but speaks for its
 * replicas to the root, and passes on to them what the root says. Plain JSON; times are the record's own.
 */
export interface RegionRecord extends Voters {
  readonly version: 2;
  readonly kind: "region";
  /** By which the root knows this home. One that lost its record is another. */
  readonly id: string;
  readonly name: string;
  /** Of the last report to the root. */
  readonly seq: number;
  /** What the root said last, and when. */
  readonly view?: CircuitView;
  readonly heardAt: number;
  /** When the root is to be told next. */
  readonly dueAt: number;
  /** Reports in a row that the root did not answer. */
  readonly lost: number;
  /** The report whose fate is unknown: it goes again unchanged. */
  readonly unanswered?: CircuitReport;
  /** What one of the replicas said last, and the root must know. */
  readonly rules: SharedRules;
  readonly asked?: number;
  readonly wantsProbe: boolean;
  /** The root's permits, and to whom each was handed; `""` is nobody yet. */
  readonly permits: readonly { readonly id: string; readonly replica: string; readonly until: number }[];
  /** How probes ended, of which the root has still to hear. */
  readonly probes: readonly { readonly permit: string; readonly ok: boolean; readonly by: string }[];
  /** The replicas whose probes failed in this epoch. */
  readonly failers: readonly string[];
  /** 0 to 1: below the root's `urgency` this home tells news at once. */
  readonly chance: number;
}

/** Milliseconds between reports to the root at least, however much news there is. */
const shortestPause = 500;
/** Milliseconds after which a root that did not answer is asked again, at most: many wait for it. */
const longestPause = 8_000;

/** Milliseconds in which replicas have sent again what they had sent to the home before, if there was one. */
const newFor = 60_000;
/** Milliseconds for which an open circuit still is open to those that hear of it when it should have half-opened. */
const overdue = 1_000;

/** The home of a region to which nobody has reported yet. */
export function newRegion(name: string, id: string, now: number): RegionRecord {
  return {
    version: 2,
    kind: "region",
    ...unshared(now),
    epoch: 0,
    counts: noCounts,
    id,
    name,
    seq: 0,
    heardAt: 0,
    dueAt: 0,
    lost: 0,
    rules: { openFor: 0, maximumOpenFor: 0, probes: 1, successesToClose: 1 },
    wantsProbe: false,
    permits: [],
    probes: [],
    failers: [],
    chance: 0,
  };
}

/** Takes the report of one of the region's replicas, and says whether it was taken before. */
export function takeInRegion(
  stored: RegionRecord,
  report: CircuitReport,
  now: number,
): [RegionRecord, boolean] {
  let record = pass(stored, now);
  // It knows more than this home: what the root says now is not known here.
  if (report.epoch > record.epoch) {
    const { view: _, ...old } = inEpoch(record, report.epoch, record.chance);
    record = hastened(old);
  }
  const [known, repeated] = recall(record, report);
  if (repeated) return [record, true];
  const before = openVotes(record.members);
  // What came to a home before this one, which lost its record, may have been counted then, and the root keeps that.
  const twice = record.time < newFor || (known === undefined && report.seq > 1);
  const counted = twice ? { ...report, ...noCounts } : report;
  record = { ...take(record, counted, known), rules: report.rules };
  if (report.epoch !== record.epoch) return [record, false];
  if (report.asked !== undefined) record = { ...record, asked: report.asked };
  record = takeProbe(record, report);
  const wants = report.wantsProbe && !record.failers.includes(report.replica);
  record = { ...record, wantsProbe: record.wantsProbe || wants };
  const over = record.view?.state === "open" && remaining(record) === 0;
  const news = openVotes(record.members) > before || (wants && over);
  const urgent = record.chance < (record.view?.urgency ?? 1);
  return [news && urgent ? hastened(record) : record, false];
}

/** Whether the root should be told now. */
export function isDue({ dueAt, time, view, lost }: RegionRecord): boolean {
  return time >= dueAt || (view === undefined && lost === 0);
}

/** What the root is to be told. To be stored before it is sent, and sent again unchanged until it is answered. */
export function reportToRoot(record: RegionRecord): [RegionRecord, CircuitReport] {
  if (record.unanswered !== undefined) return [record, record.unanswered];
  const { asked, probes, ...rest } = record;
  const [probe, ...later] = probes;
  const region = saysOf(record);
  const seq = record.seq + 1;
  const report: CircuitReport = {
    replica: record.id,
    seq,
    epoch: record.epoch,
    ...record.counts,
    // For a root of an older version, to which this is one replica.
    open: 2 * region.votes > region.size,
    wantsProbe: record.wantsProbe,
    ...(probe && { probe }),
    ...(asked !== undefined && { asked }),
    rules: record.rules,
    region,
  };
  const told = { ...rest, seq, counts: noCounts, wantsProbe: false, probes: later, unanswered: report };
  return [told, report];
}

/**
 * The root answered. An answer to an older report changes nothing.
 *
 * @param sentAt by the record's time
 * @param chance 0 to 1, for a new epoch
 */
export function answeredByRoot(
  stored: RegionRecord,
  report: CircuitReport,
  view: CircuitView,
  sentAt: number,
  now: number,
  chance: number,
): RegionRecord {
  const record = pass(stored, now);
  if (report.seq !== record.unanswered?.seq) return record;
  const { unanswered: _, ...rest } = record;
  const { time } = record;
  const dueAt = rest.probes.length > 0 ? time : time + view.nextSync;
  const answered = { ...rest, lost: 0, dueAt };
  if (view.epoch < record.epoch) return answered;
  const { permit, ...said } = view;
  const heard = view.epoch > record.epoch ? inEpoch(answered, view.epoch, chance) : answered;
  // The root names a permit again as long as it has not heard how its probe ended.
  const known =
    permit === undefined ||
    heard.permits.some(({ id }) => id === permit.id) ||
    heard.probes.some((probe) => probe.permit === permit.id);
  const permits = known
    ? heard.permits
    : [...heard.permits, { id: permit.id, replica: "", until: sentAt + permit.ttl }];
  return { ...heard, view: said, heardAt: time, permits };
}

/** The root did not answer. */
export function lostRoot(stored: RegionRecord, now: number, chance: number): RegionRecord {
  const record = pass(stored, now);
  const lost = record.lost + 1;
  const pause = Math.min(longestPause, 1_000 * 2 ** Math.min(lost, 10)) * (1 + chance / 2);
  return { ...record, lost, dueAt: record.time + pause };
}

/**
 * What the replica is to know: nothing where the root's word is over and it gives no other, since then the replica is
 * to go on by itself, as one whose home is gone.
 */
export function answerInRegion(
  record: RegionRecord,
  report: CircuitReport,
  repeated: boolean,
): [RegionRecord, CircuitView | undefined] {
  const { view, lost } = record;
  const left = remaining(record);
  const [asked, nextSync] = ask(record, report.replica, repeated, pauseIn(view?.state ?? "closed", left));
  const over = (view?.state === "open" && left === 0) || view?.state === "half-open";
  if (view === undefined || (lost > 0 && over)) return [asked, undefined];
  const { state, reason, openFor } = view;
  const urgent = urgency(record.fleet);
  const [handed, permit] = hand(asked, report);
  return [
    handed,
    {
      epoch: record.epoch,
      state,
      reason,
      // The root is being asked: those with calls waiting are not to ask again and again until it has answered.
      remaining: view.state === "open" ? Math.max(left, overdue) : 0,
      openFor,
      nextSync,
      ...(urgent < 1 && { urgency: urgent }),
      ...(permit && { permit: { id: permit.id, ttl: permit.until - record.time } }),
    },
  ];
}

/** Whether a change must be stored before it is told. The rest is stored every few seconds. */
export function mustStoreRegion(before: RegionRecord | undefined, after: RegionRecord): boolean {
  return before === undefined || hasGrown(before, after) || vital(before) !== vital(after);
}

function vital({ epoch, seq, permits, probes, failers, members }: RegionRecord): string {
  return JSON.stringify([epoch, seq, permits, probes, failers, openVotes(members)]);
}

/** Milliseconds until the open circuit half-opens. */
function remaining({ view, heardAt, time }: RegionRecord): number {
  return view?.state === "open" ? Math.max(0, view.remaining - (time - heardAt)) : 0;
}

/** A new epoch: what belonged to the old one ends with it. */
function inEpoch(record: RegionRecord, epoch: number, chance: number): RegionRecord {
  const members = silenced(record.members);
  const none = { counts: noCounts, wantsProbe: false, permits: [], probes: [], failers: [] };
  return { ...record, epoch, chance, members, ...none };
}

/** There is news for the root. One that does not answer is asked at its own pace. */
function hastened(record: RegionRecord): RegionRecord {
  if (record.lost > 0) return record;
  const soon = Math.max(record.time, record.heardAt + shortestPause);
  return { ...record, dueAt: Math.min(record.dueAt, soon) };
}

/** How a probe ended: the root hears of it at once. */
function takeProbe(record: RegionRecord, { probe, replica }: CircuitReport): RegionRecord {
  const permit = record.permits.find(({ id, replica: by }) => id === probe?.permit && by === replica);
  if (probe === undefined || permit === undefined || permit.until < record.time) return record;
  const { ok } = probe;
  const failers = ok || record.failers.includes(replica) ? record.failers : [...record.failers, replica];
  const probes = [...record.probes, { permit: permit.id, ok, by: replica }];
  const dueAt = record.lost > 0 ? record.dueAt : record.time;
  return { ...record, permits: without(record, permit.id), probes, failers, dueAt };
}

/** Hands a permit to a replica that has a call to probe with: the one that it has, or one that nobody has. */
function hand(
  record: RegionRecord,
  { replica, wantsProbe }: CircuitReport,
): [RegionRecord, RegionRecord["permits"][number] | undefined] {
  const live = record.permits.filter(({ until }) => until > record.time);
  const mine = live.find((permit) => permit.replica === replica);
  if (mine !== undefined) return [record, mine];
  const free = live.find((permit) => permit.replica === "");
  // A prober that failed lets another replica find out, where there is one.
  if (free === undefined || !wantsProbe || record.failers.includes(replica)) return [record, undefined];
  const mineNow = { ...free, replica };
  return [{ ...record, permits: [...without(record, free.id), mineNow] }, mineNow];
}

function without({ permits, time }: RegionRecord, gone: string): RegionRecord["permits"] {
  return permits.filter(({ id, until }) => id !== gone && until > time);
}

/** How its replicas vote. */
function saysOf(record: RegionRecord): RegionSays {
  const { votes, failing, calls, fleet } = tally(record, record.rules);
  const size = Math.max(1, fleet);
  const voting = Math.min(size, Math.round(votes));
  return {
    name: record.name,
    size,
    votes: voting,
    failing: Math.min(size - voting, Math.round(failing)),
    calls: Math.round(calls),
  };
}
