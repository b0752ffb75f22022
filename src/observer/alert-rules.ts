import { known, span, whole, within } from "../core/check.ts";
import { type Duration, milliseconds, refuse } from "../core/duration.ts";
import { longestName } from "../core/longest-name.ts";
import { type WindowName, windowSpans } from "./system-state.ts";

/** What an alert looks at. */
export type AlertCondition = "circuit-open" | "error-rate" | "latency" | "amplification";

/** When somebody should know, as they write it down. */
export interface AlertRule {
  /** By which the alert is known; no two have the same. */
  readonly name: string;
  readonly when: AlertCondition;
  /** The policy that it watches. Default: each. */
  readonly policy?: string;
  /**
   * What is too much: a ratio of 0 to 1 for `error-rate`, a duration of the slowest hundredth of the calls for `latency`,
   * sends a call for `amplification`. `circuit-open` has none.
   */
  readonly above?: Duration;
  /** How long it must be so before it is told. Default 0. */
  readonly for?: Duration;
  /** The window that it looks at. Default `1m`; `circuit-open` has none. */
  readonly window?: WindowName;
  /** Calls in the window below which nothing can be said. Default 20; `circuit-open` has none. */
  readonly minimumRequests?: number;
}

/** A rule with nothing left open. Durations are in milliseconds; what its condition does not have is `null`. */
export interface CheckedRule {
  readonly name: string;
  readonly when: AlertCondition;
  readonly policy: string | null;
  readonly above: number | null;
  readonly for: number;
  readonly window: WindowName | null;
  readonly minimumRequests: number | null;
}

const mostRules = 50;
const options = ["name", "when", "policy", "above", "for", "window", "minimumRequests"];

const conditions: readonly AlertCondition[] = ["circuit-open", "error-rate", "latency", "amplification"];
const limits: Readonly<
  Record<Exclude<AlertCondition, "circuit-open">, (above: Duration, option: string) => number>
> = {
  "error-rate": (above, option) => within(above as number, option, 0, 1),
  latency: span,
  amplification: (above, option) => within(above as number, option, 1, 1_000),
};

/**
 * Checks rules for alerts.
 *
 * @param at what errors call the list
 * @throws TypeError or RangeError that names the option and quotes the value
 */
export function checkRules(rules: readonly AlertRule[], at = "rules"): readonly CheckedRule[] {
  if (!Array.isArray(rules)) return refuse(at, "a list", rules, TypeError);
  if (rules.length > mostRules) return refuse(at, `a list of at most ${mostRules} rules`, rules.length);
  const checked = rules.map((rule: AlertRule, index) => checkRule(rule, `${at}[${index}]`));
  for (const [index, { name }] of checked.entries()) {
    if (checked.findIndex((other) => other.name === name) < index)
      refuse(`${at}[${index}].name`, "a name of its own", name);
  }
  return checked;
}

function checkRule(rule: AlertRule, at: string): CheckedRule {
  known(rule, at, options);
  const { when, policy = null, above, window, minimumRequests } = rule;
  if (!conditions.includes(when))
    return refuse(`${at}.when`, `one of ${conditions.join(", ")}`, when, TypeError);
  const name = label(rule.name, `${at}.name`);
  const wait = milliseconds(rule.for ?? 0, `${at}.for`);
  const of = { name, when, policy: policy === null ? null : label(policy, `${at}.policy`), for: wait };
  if (when === "circuit-open") {
    for (const [option, value] of Object.entries({ above, window, minimumRequests }))
      if (value !== undefined) refuse(`${at}.${option}`, "left out with circuit-open", value, TypeError);
    return { ...of, above: null, window: null, minimumRequests: null };
  }
  if (above === undefined) return refuse(`${at}.above`, "given", above, TypeError);
  if (window !== undefined && !Object.hasOwn(windowSpans, window))
    return refuse(`${at}.window`, `one of ${Object.keys(windowSpans).join(", ")}`, window, TypeError);
  return {
    ...of,
    above: limits[when](above, `${at}.above`),
    window: window ?? "1m",
    minimumRequests: whole(minimumRequests ?? 20, `${at}.minimumRequests`),
  };
}

function label(value: unknown, option: string): string {
  if (typeof value === "string" && value !== "" && value.length <= longestName) return value;
  return refuse(option, `a text of 1 to ${longestName} characters`, value, TypeError);
}
