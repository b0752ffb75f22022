import type { Report, View } from "ninelives";
import type { SharedRecord } from "ninelives/stores/durable-object";

/** A report as a version sends it that knows no newer fields. Of circuits that is the first version. */
export function olderReport<R extends Report>(report: R): R {
  if (report.kind === "limiter" || report.kind === "lease") return report;
  const { few, asked, region, rules, kind, ...rest } = report as Extract<Report, { ok: number }>;
  const { openFor, maximumOpenFor, probes, successesToClose } = rules;
  return { ...rest, rules: { openFor, maximumOpenFor, probes, successesToClose } } as R;
}

/** A view as such a version gives it, or reads it. */
export function olderView(view: View): View {
  const { urgency, ...rest } = view;
  if (rest.kind === "limiter") {
    const { resets, ...older } = rest;
    return older;
  }
  if (rest.kind === "lease") return rest;
  const { kind, ...older } = rest;
  return older;
}

/** A record as such a version keeps it: one of a circuit of the first version, without slots and counts of replicas. */
export function olderRecord(record: SharedRecord): SharedRecord {
  if (record.kind === "limiter") {
    const { resets, ...older } = record;
    return older;
  }
  if (record.kind === "lease") return record;
  const { kind, slots, members, ...older } = record;
  return {
    ...older,
    version: 1,
    members: members.map(({ replica, seq, seen, gap, open }) => ({ replica, seq, seen, gap, open })),
  } as unknown as SharedRecord;
}
