import type { CircuitState } from "ninelives";
import type { CircuitReport, PolicyState } from "ninelives/observer";
import { span } from "./format.ts";
import { doubtful, unheard, worstCircuit } from "./trouble.ts";

/** What a badge can say: a circuit's state, that nobody told of any, or that nobody tells of it any more. */
export type BadgeState = CircuitState | "no-circuit" | "unheard" | "unknown";

/** What a badge says in words. */
export const badgeWords: Readonly<Record<BadgeState, string>> = {
  closed: "closed",
  open: "open",
  "half-open": "half-open",
  "forced-open": "forced open",
  disabled: "disabled",
  "metrics-only": "metrics only",
  "no-circuit": "no circuit",
  unheard: "not heard of",
  unknown: "unknown",
};

/** What the badge of a policy says: its worst circuit, if it has told of one. */
export function badgeOf({ circuits, lastEventAt }: PolicyState, now: number): BadgeState {
  const worst = worstCircuit(circuits, now);
  if (worst === undefined) return lastEventAt > 0 ? "no-circuit" : "unknown";
  return doubtful(worst, now) ? "unheard" : worst.state;
}

/** How long a circuit has been as it is, and what comes next. */
export function phase(circuit: CircuitReport | undefined, now: number): string {
  if (circuit === undefined) return "nobody has told of a circuit";
  const lasted = span(now - circuit.since);
  if (unheard(circuit, now)) {
    const silence = `nothing heard of it for ${span(now - circuit.heardAt)}`;
    return doubtful(circuit, now) ? `was ${circuit.state} · ${silence}` : silence;
  }
  switch (circuit.state) {
    case "open":
      if (circuit.until === null) return `refuses for ${lasted}`;
      return circuit.until > now
        ? `probes in ${span(Math.max(1_000, circuit.until - now))} · open for ${lasted}`
        : `probes with the next call · open for ${lasted}`;
    case "half-open":
      return `probing for ${lasted}`;
    case "forced-open":
      return `until somebody closes it · for ${lasted}`;
    case "closed":
      return `calls pass · closed for ${lasted}`;
    default:
      return `for ${lasted}`;
  }
}
