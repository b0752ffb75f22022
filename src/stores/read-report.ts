import { quote } from "../core/duration.ts";
import type { CircuitReport, RegionSays, Report, SharedRules } from "../state/sync.ts";

/** Characters of a report as JSON; one of ours has about 400. */
export const largestReport = 4_096;

/** What came is no report. The home's record is untouched. */
export class ReportError extends Error {
  override readonly name = "ReportError";
  /** Whoever sent it drops it. Own properties cross the wire of RPC. */
  readonly refused = true;
}

const mostCharacters = 64;
/** Far below what a number can count exactly, so that whoever leaps past it still counts exactly. */
const largestEpoch = 1e15;
const most = 1e12;

/**
 * Reads what a replica sent, of whatever version, and takes only what a report has. Nobody may speak for more than one
 * replica.
 *
 * @throws ReportError that names the field and quotes the value
 */
export function readReport(input: unknown): Report {
  const fields = object(input, "a report");
  const { kind, replica, seq, epoch } = fields;
  const head = {
    replica: text(replica, "replica"),
    seq: whole(seq, "seq", 1, most),
    epoch: whole(epoch, "epoch", 0, largestEpoch),
  };
  if (kind === undefined || kind === "circuit") return { ...head, ...ofCircuit(fields) };
  if (kind === "limiter") {
    const { demand, lease } = fields;
    return { kind, ...head, demand: number(demand, "demand"), lease: whole(lease, "lease", 0, most) };
  }
  if (kind === "lease") {
    const { wants, ttl } = fields;
    return { kind, ...head, wants: flag(wants, "wants"), ttl: duration(ttl, "ttl") };
  }
  return refuse("kind", "circuit, limiter or lease", kind);
}

/**
 * Reads what the home of a region sent, of whatever version: it may speak for many. Who may send one is trusted so far.
 *
 * @throws ReportError that names the field and quotes the value
 */
export function readRegionReport(input: unknown): CircuitReport {
  const { region, probe } = object(input, "a report");
  const report = readReport(input);
  if (report.kind === "limiter" || report.kind === "lease") refuse("kind", "circuit", report.kind);
  const { name, size, votes, failing, calls } = object(region, "region");
  const read: RegionSays = {
    name: text(name, "region.name"),
    size: whole(size, "region.size", 1, most),
    votes: whole(votes, "region.votes", 0, most),
    failing: whole(failing, "region.failing", 0, most),
    calls: whole(calls, "region.calls", 0, most),
  };
  if (report.probe === undefined) return { ...report, region: read };
  const by = text(object(probe, "probe").by, "probe.by");
  return { ...report, region: read, probe: { ...report.probe, by } };
}

function ofCircuit(fields: Record<string, unknown>): Omit<CircuitReport, "replica" | "seq" | "epoch"> {
  const { ok, fail, slow, open, few, wantsProbe, probe, asked, rules } = fields;
  return {
    ok: whole(ok, "ok", 0, most),
    fail: whole(fail, "fail", 0, most),
    slow: whole(slow, "slow", 0, most),
    open: flag(open, "open"),
    ...(few === undefined ? {} : { few: flag(few, "few") }),
    wantsProbe: flag(wantsProbe, "wantsProbe"),
    ...(probe === undefined ? {} : { probe: readProbe(probe) }),
    ...(asked === undefined || asked === null ? {} : { asked: duration(asked, "asked") }),
    rules: readRules(rules),
  };
}

function readRules(input: unknown): SharedRules {
  const rules = object(input, "rules");
  const { openFor, maximumOpenFor, probes, successesToClose, minimumCalls, failureRate, slowCallRate } =
    rules;
  return {
    openFor: duration(openFor, "rules.openFor"),
    maximumOpenFor: duration(maximumOpenFor, "rules.maximumOpenFor"),
    probes: whole(probes, "rules.probes", 1, most),
    successesToClose: whole(successesToClose, "rules.successesToClose", 1, most),
    // A rule that never applies is infinite, which JSON writes as null.
    ...(minimumCalls === undefined || minimumCalls === null
      ? {}
      : { minimumCalls: whole(minimumCalls, "rules.minimumCalls", 1, most) }),
    ...(failureRate === undefined || failureRate === null
      ? {}
      : { failureRate: number(failureRate, "rules.failureRate") }),
    ...(slowCallRate === undefined || slowCallRate === null
      ? {}
      : { slowCallRate: number(slowCallRate, "rules.slowCallRate") }),
  };
}

function readProbe(input: unknown): { permit: string; ok: boolean } {
  const { permit, ok } = object(input, "probe");
  return { permit: text(permit, "probe.permit"), ok: flag(ok, "probe.ok") };
}

function object(value: unknown, field: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  return refuse(field, "an object", value);
}

function text(value: unknown, field: string): string {
  if (typeof value === "string" && value !== "" && value.length <= mostCharacters) return value;
  return refuse(field, `a text of 1 to ${mostCharacters} characters`, value);
}

function flag(value: unknown, field: string): boolean {
  return typeof value === "boolean" ? value : refuse(field, "true or false", value);
}

function whole(value: unknown, field: string, least: number, greatest: number): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= greatest)
    return value as number;
  return refuse(field, `a whole number from ${least} to ${greatest}`, value);
}

function number(value: unknown, field: string): number {
  return typeof value === "number" && value >= 0 ? value : refuse(field, "a number, 0 or more", value);
}

/** One that is too long is cut off: a replica sends a report that was refused again and again. */
function duration(value: unknown, field: string): number {
  if (typeof value === "number" && value >= 0) return Math.min(value, most);
  return refuse(field, "milliseconds, 0 or more", value);
}

function refuse(field: string, wanted: string, found: unknown): never {
  throw new ReportError(`${field} must be ${wanted}, but is ${quote(found).slice(0, 100)}`);
}
