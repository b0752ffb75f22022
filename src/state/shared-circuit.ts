import { type CircuitState, type OpeningReason, openTime } from "./circuit.ts";
import { ask, interval, pass, recall, reporters, standing, unshared, urgency } from "./members.ts";
import type { CircuitReport, CircuitView } from "./sync.ts";
import { type CircuitMember, noCounts, silenced, take, tally, type Voters } from "./votes.ts";

/** What a home keeps of one shared circuit. */
export interface CircuitRecord extends Voters {
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
  /** The replicas whose probes failed in this epoch; those of a region by its name too. */
  readonly failers: readonly string[];
}

interface Permit {
  readonly id: string;
  readonly replica: string;
  readonly until: number;
}

/** How many replicas must vote for opening: `majority` of the fleet, or `any` where one speaks for all (tabs). */
export type Quorum = "majority" | "any";

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
    counts: noCounts,
  };
}

/** Decides for the circuit of a fleet. */
export function coordinateCircuit(
  stored: CircuitRecord | undefined,
  report: CircuitReport,
  now: number,
  quorum: Quorum,
  rate?: number,
): [CircuitRecord, CircuitView] {
  let record = pass(stored ?? newRecord(now), now);
  // A replica that is ahead shows that the record was lost: it leaps past, so that nobody ignores its views.
  if (report.epoch > record.epoch) record = enter({ ...record, epoch: report.epoch });
  const [known, repeated] = recall(record, report);
  if (!repeated) record = take(record, report, known);
  record = halfOpenWhenDue(record);
  if (!repeated && report.epoch === record.epoch) {
    record = takeProbe(record, report);
    record = openWhenMostSaySo(record, report, quorum);
  }
  record = openWhenProbesFailed(record, report, quorum);
  return answer(record, report, repeated, rate);
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
  const urgent = urgency(reporters(record));
  return {
    epoch: record.epoch,
    state: record.state,
    reason: record.reason,
    remaining: remaining(record),
    openFor: record.openFor,
    nextSync: pauseIn(record.state, remaining(record)),
    ...(urgent < 1 && { urgency: urgent }),
  };
}

/** Begins a new epoch: what belonged to the old one (votes, permits, counts) ends with it. */
export function enter(
  record: CircuitRecord,
  state: CircuitState = record.state,
  reason: OpeningReason = record.reason,
): CircuitRecord {
  return {
    ...record,
    state,
    reason,
    epoch: record.epoch + 1,
    members: silenced(record.members),
    permits: [],
    successes: 0,
    failers: [],
    counts: noCounts,
  };
}

function remaining({ state, until, time }: CircuitRecord): number {
  return state === "open" ? Math.max(0, until - time) : 0;
}

/** Milliseconds after which a replica should report again, at the soonest. */
export function pauseIn(state: CircuitState, remaining: number): number {
  if (state === "half-open") return interval / 4;
  return state === "open" ? Math.min(interval, Math.max(remaining, 100)) : interval;
}

function halfOpenWhenDue(record: CircuitRecord): CircuitRecord {
  return record.state === "open" && record.time >= record.until
    ? enter(record, "half-open", record.reason)
    : record;
}

function takeProbe(record: CircuitRecord, { probe, replica, region, rules }: CircuitReport): CircuitRecord {
  if (probe === undefined || record.state !== "half-open") return record;
  const permit = record.permits.find((given) => given.id === probe.permit && given.replica === replica);
  if (permit === undefined || permit.until < record.time) return record;
  const permits = record.permits.filter((given) => given !== permit);
  if (probe.ok) {
    const successes = record.successes + 1;
    if (successes < rules.successesToClose) return { ...record, permits, successes };
    return { ...enter(record, "closed", "probe"), closedAt: record.time };
  }
  const prober = region === undefined ? replica : `${region.name}/${probe.by}`;
  const failers = record.failers.includes(prober) ? record.failers : [...record.failers, prober];
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
function othersThan(failers: readonly string[], record: CircuitRecord): boolean {
  return standing(record).some(({ replica, region, size = 1 }) => {
    if (region === undefined) return !failers.includes(replica);
    return size > failers.filter((prober) => prober.startsWith(`${region.name}/`)).length;
  });
}

/** Opens when most of the fleet says so: by its votes, or by counts which together hold calls enough. */
function openWhenMostSaySo(record: CircuitRecord, report: CircuitReport, quorum: Quorum): CircuitRecord {
  if (record.state !== "closed") return record;
  const { rules } = report;
  const { votes, failing, calls, fleet } = tally(record, rules);
  const needed = quorum === "any" || fleet <= 1 ? 1 : Math.max(2, Math.floor(fleet / 2) + 1);
  const byVotes = votes >= needed;
  const byCounts = calls >= (rules.minimumCalls ?? Infinity) && votes + failing >= needed;
  if (!byVotes && !byCounts) return record;
  const soon = record.closedAt >= 0 && record.time - record.closedAt <= record.openFor;
  return openAgain(record, report, soon ? record.reopenings + 1 : 0, "fleet");
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
  rate: number | undefined,
): [CircuitRecord, CircuitView] {
  const { replica } = report;
  const [asked, nextSync] = ask(record, replica, repeated, pauseIn(record.state, remaining(record)), rate);
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
