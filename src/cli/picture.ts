import type { LiveMessage } from "../observer/live.ts";
import type { PolicyState, SystemState, WindowName, WindowState } from "../observer/system-state.ts";
import { circuitCell } from "./circuits.ts";
import { figures, latency, percent, timeOfDay } from "./figures.ts";
import type { Cell, Screen } from "./screen.ts";

export const windows = ["1m", "5m", "15m"] as const satisfies readonly WindowName[];
export const orders = ["rate", "errors", "p99", "name"] as const;

/** How the policies are shown. */
export interface View {
  readonly window: WindowName;
  readonly order: (typeof orders)[number];
  /** Whether the stream is there. */
  readonly live: boolean;
}

/** The state once a message has come; undefined until there was a snapshot. */
export function stateAfter(state: SystemState | undefined, message: LiveMessage): SystemState | undefined {
  if (message.type === "snapshot") return message.state;
  if (state === undefined) return undefined;
  const { at, totals, policies, alerts } = message;
  const known = new Map([...state.policies, ...policies].map((policy) => [policy.policy, policy]));
  return { ...state, at, ...totals, policies: [...known.values()], ...(alerts && { alerts }) };
}

/** The lines that show a state: what holds for all, then a row for each policy. */
export function picture(screen: Screen, state: SystemState, { window, order, live }: View): string[] {
  const { policies, alerts = [], events, dropped, at } = state;
  const all = policies.map(({ windows }) => windows[window]);
  const requests = sum(all, "requests");
  const failures = sum(all, "failures");
  const firing = alerts.filter(({ state }) => state === "firing").length;
  const open = policies.flatMap(({ circuits }) => circuits).filter(({ state }) => state !== "closed").length;
  const head: Cell[] = [
    { text: live ? "live" : "the stream broke off", ink: live ? "green" : "yellow" },
    timeOfDay(at),
    `last ${window}:`,
    `${figures(sum(all, "rate"))}/s,`,
    `${percent(requests === 0 ? null : failures / requests)} failed,`,
    open === 0 ? "all circuits closed" : { text: `${open} circuits not closed`, ink: "red" },
    ...(firing === 0 ? [] : [{ text: `${firing} alerts`, ink: "red" as const }]),
    { text: `(${figures(events)} events, ${figures(dropped)} lost)`, ink: "dim" },
  ];
  const rows = [...policies].sort(comparing(order, window)).map((policy) => rowOf(policy, window));
  const columns = ["POLICY", "RATE", "FAILED", "P50", "P99", "SENT", "SHED", "CIRCUITS", "2 MIN"];
  return [screen.fitted(head), "", ...screen.rows(columns, rows)];
}

function rowOf({ policy, windows, circuits, series }: PolicyState, window: WindowName): Cell[] {
  const { rate, errorRate, p50, p99, amplification, rejected } = windows[window];
  const failed = percent(errorRate);
  const odd = circuits.find(({ state }) => state !== "closed");
  return [
    { text: policy, ink: "bold" },
    `${figures(rate)}/s`,
    errorRate !== null && errorRate >= 0.05 ? { text: failed, ink: "red" } : failed,
    latency(p50),
    latency(p99),
    amplification === null ? null : `${amplification.toFixed(2)}x`,
    rejected,
    circuits.length === 0 ? null : odd === undefined ? circuitCell("closed") : circuitCell(odd.state),
    { text: sparkline(series.requests, 24), ink: "cyan" },
  ];
}

const bars = "▁▂▃▄▅▆▇█";

/** The newest numbers as bars, the highest of them full. */
export function sparkline(numbers: readonly number[], width: number): string {
  const shown = numbers.slice(-width);
  const most = Math.max(...shown, 1);
  return shown.map((number) => (number === 0 ? " " : bars[Math.ceil((number / most) * 8) - 1])).join("");
}

function comparing(order: View["order"], window: WindowName) {
  const value = ({ windows }: PolicyState): number => {
    const { rate, errorRate, p99 } = windows[window];
    return (order === "rate" ? rate : order === "errors" ? errorRate : p99) ?? -1;
  };
  return (one: PolicyState, other: PolicyState): number =>
    (order === "name" ? 0 : value(other) - value(one)) || one.policy.localeCompare(other.policy);
}

function sum(states: readonly WindowState[], of: "requests" | "failures" | "rate"): number {
  return states.reduce((total, state) => total + state[of], 0);
}
