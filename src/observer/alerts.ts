import type { CheckedRule } from "./alert-rules.ts";
import { type PolicyState, windowSpans } from "./system-state.ts";

/** Subjects that one rule keeps apart; what further ones do is not told. */
const mostSubjects = 100;
/** What nobody told of for longer is not known any more. */
const longest = windowSpans["15m"];
const closed: readonly string[] = ["closed", "disabled", "metrics-only"];

/** What a rule found too much: a policy, or one of its circuits. */
export interface AlertSubject {
  readonly policy: string;
  readonly circuit: string | null;
  /** `pending` until it has been so for as long as the rule says. */
  readonly state: "pending" | "firing";
  /** Since when it is too much, in milliseconds since 1970 by the observer's clock. */
  readonly since: number;
  /** The last that was measured; `null` for a circuit. */
  readonly value: number | null;
}

/** A rule and what it found. */
export interface AlertReport extends CheckedRule {
  /** The worst of its subjects. */
  readonly state: "ok" | "pending" | "firing";
  /** At most 100. */
  readonly subjects: readonly AlertSubject[];
}

/** What somebody should know: an alert fires, or does not any more. */
export interface AlertNotice {
  readonly version: 1;
  readonly status: "firing" | "resolved";
  /** The rule's name. */
  readonly alert: string;
  readonly when: CheckedRule["when"];
  readonly policy: string;
  readonly circuit: string | null;
  /** What was measured; `null` for a circuit, and where nothing is known any more. */
  readonly value: number | null;
  readonly above: number | null;
  readonly window: CheckedRule["window"];
  /** Milliseconds since 1970 by the observer's clock: since when it was too much, and when this was found. */
  readonly since: number;
  readonly at: number;
  /** The same in a sentence, which is what chats show. */
  readonly text: string;
}

/** Plain JSON. */
export type AlertsSnapshot = readonly (readonly [rule: string, subjects: readonly AlertSubject[]])[];

/** Something that a rule can say of now: whether it is too much, or that nobody knows. */
interface Finding {
  readonly policy: string;
  readonly circuit: string | null;
  readonly holds: boolean | undefined;
  readonly value: number | null;
  readonly since: number;
}

/** Rules on the windows, and what became of them: a machine that is told the time. */
export class Alerts {
  readonly #rules: readonly CheckedRule[];
  readonly #subjects = new Map<string, Map<string, AlertSubject>>();

  constructor(rules: readonly CheckedRule[]) {
    this.#rules = rules;
    for (const { name } of rules) this.#subjects.set(name, new Map());
  }

  /**
   * Looks at all policies, and tells what began to fire and what was resolved.
   *
   * What is unknown for a while leaves a firing alert as it is: no calls are no sign of health.
   */
  evaluate(policies: readonly PolicyState[], now: number): AlertNotice[] {
    const notices: AlertNotice[] = [];
    for (const rule of this.#rules) {
      const subjects = this.#subjects.get(rule.name) as Map<string, AlertSubject>;
      const gone = new Set(subjects.keys());
      for (const state of policies) {
        if (rule.policy !== null && rule.policy !== state.policy) continue;
        if (now - state.lastEventAt > longest) continue;
        for (const finding of findings(rule, state, now)) {
          const key = JSON.stringify([finding.policy, finding.circuit]);
          const before = subjects.get(key);
          if (finding.holds === undefined && before?.state === "firing") gone.delete(key);
          if (finding.holds !== true || (before === undefined && subjects.size >= mostSubjects)) continue;
          gone.delete(key);
          const { policy, circuit, value } = finding;
          const since = before?.since ?? finding.since;
          const fires = before?.state === "firing" || now - since >= rule.for;
          const subject: AlertSubject = {
            policy,
            circuit,
            state: fires ? "firing" : "pending",
            since,
            value,
          };
          subjects.set(key, subject);
          if (fires && before?.state !== "firing") notices.push(notice(rule, subject, "firing", now));
        }
      }
      for (const key of gone) {
        const subject = subjects.get(key) as AlertSubject;
        subjects.delete(key);
        if (subject.state !== "firing") continue;
        const value = valueNow(rule, subject, policies);
        notices.push(notice(rule, { ...subject, value }, "resolved", now));
      }
    }
    return notices;
  }

  reports(): AlertReport[] {
    return this.#rules.map((rule) => {
      const subjects = [...(this.#subjects.get(rule.name) as Map<string, AlertSubject>).values()];
      const fires = subjects.some(({ state }) => state === "firing");
      return { ...rule, state: fires ? "firing" : subjects.length > 0 ? "pending" : "ok", subjects };
    });
  }

  snapshot(): AlertsSnapshot {
    return [...this.#subjects].map(([rule, subjects]) => [rule, [...subjects.values()]]);
  }

  /** Takes up where a snapshot was. What belonged to a rule that is no more is forgotten. */
  restore(snapshot: AlertsSnapshot): void {
    for (const [rule, subjects] of snapshot) {
      for (const subject of subjects)
        this.#subjects.get(rule)?.set(JSON.stringify([subject.policy, subject.circuit]), subject);
    }
  }
}

function findings(rule: CheckedRule, state: PolicyState, now: number): Finding[] {
  const { policy } = state;
  if (rule.when === "circuit-open") {
    return state.circuits
      .filter(({ heardAt }) => now - heardAt <= longest)
      .map(({ circuit, state, since }) => {
        return { policy, circuit, holds: !closed.includes(state), value: null, since };
      });
  }
  const value = measured(rule, state);
  const holds = value === null ? undefined : value > (rule.above as number);
  return [{ policy, circuit: null, holds, value, since: now }];
}

/** What a rule looks at; `null` where there were too few calls to tell. */
function measured({ when, window, minimumRequests }: CheckedRule, { windows }: PolicyState): number | null {
  if (window === null) return null;
  const { requests, errorRate, p99, amplification } = windows[window];
  if (requests < (minimumRequests as number)) return null;
  if (when === "error-rate") return errorRate;
  return when === "latency" ? p99 : amplification;
}

function valueNow(rule: CheckedRule, subject: AlertSubject, policies: readonly PolicyState[]): number | null {
  const state = policies.find(({ policy }) => policy === subject.policy);
  return state === undefined ? null : measured(rule, state);
}

function notice(
  { name, when, above, window }: CheckedRule,
  { policy, circuit, value, since }: AlertSubject,
  status: AlertNotice["status"],
  at: number,
): AlertNotice {
  const found = { version: 1, status, alert: name, when, policy, circuit, value, above, window } as const;
  return { ...found, since, at, text: sentence({ ...found, since, at }) };
}

function sentence({
  status,
  alert,
  when,
  policy,
  circuit,
  value,
  above,
  window,
  since,
  at,
}: Omit<AlertNotice, "text">): string {
  const head = `${status === "firing" ? "Firing" : "Resolved"}: ${alert}. ${policy}`;
  const length = `${Math.round((at - since) / 1_000)} s`;
  if (circuit !== null) {
    return status === "firing"
      ? `${head}: the circuit ${circuit} has not been closed for ${length}`
      : `${head}: the circuit ${circuit} is not open any more as far as anybody tells, after ${length}`;
  }
  const what = `${when.replace("-", " ")} of the last ${window}`;
  if (value === null) return `${head}: the ${what} is not known any more`;
  const number = (of: number): string => (when === "latency" ? `${Math.round(of)} ms` : of.toPrecision(2));
  const than = status === "firing" ? "is above" : "is no longer above";
  return `${head}: the ${what}, ${number(value)}, ${than} ${number(above as number)}`;
}
