import { isAbsent } from "../observer/shards.ts";
import {
  type DocumentReport,
  type PolicyState,
  type SystemState,
  type WindowName,
  type WindowState,
  windowSpans,
} from "../observer/system-state.ts";
import { absentWords } from "./absent-words.ts";
import { circuitsCell, isNotClosed } from "./circuits-cell.ts";
import { refusalWords, versionWords } from "./document-words.ts";
import { figures, latency, percent, timeOfDay } from "./figures.ts";
import type { Cell, Screen } from "./screen.ts";
import { toldIn } from "./told-state.ts";

export const windows = ["1m", "5m", "15m"] as const satisfies readonly WindowName[];
export const orders = ["rate", "errors", "p99", "name"] as const;

/** How the policies are shown. */
export interface View {
  readonly window: WindowName;
  readonly order: (typeof orders)[number];
  /** Whether the stream is there. */
  readonly live: boolean;
}

/** The lines that show a state: what holds for all, what is wrong with the telling, then a row for each policy. */
export function picture(screen: Screen, state: SystemState, { window, order, live }: View): string[] {
  const { alerts = [], events, dropped, at, absent } = state;
  const { policies } = toldIn(state);
  const all = policies.filter((policy) => isHeard(policy, window, at)).map(({ windows }) => windows[window]);
  const requests = sum(all, "requests");
  const failures = sum(all, "failures");
  const firing = alerts.filter(({ state }) => state === "firing").length;
  const unclosed = policies.flatMap(({ circuits }) => circuits).filter(({ state }) => state !== "closed");
  const open = unclosed.filter((circuit) => isNotClosed(circuit, at)).length;
  // What the others would add is unknown.
  const least = absent === undefined ? "" : "≥ ";
  const head: Cell[] = [
    { text: live ? "live" : "the stream broke off", ink: live ? "green" : "yellow" },
    timeOfDay(at),
    `last ${window}:`,
    `${least}${figures(sum(all, "rate"))}/s,`,
    `${percent(requests === 0 || absent !== undefined ? null : failures / requests)} failed,`,
    open > 0
      ? { text: `${least}${open} ${open === 1 ? "circuit" : "circuits"} not closed`, ink: "red" }
      : `all${absent === undefined && unclosed.length === 0 ? "" : " known"} circuits closed`,
    ...(firing === 0
      ? []
      : [{ text: `${least}${firing} ${firing === 1 ? "alert" : "alerts"}`, ink: "red" as const }]),
    { text: `(${least}${figures(events)} events, ${least}${figures(dropped)} lost)`, ink: "dim" },
  ];
  const versions = policies.some(({ document }) => document !== undefined);
  const rows = [...state.policies]
    .sort(comparing(order, window, state))
    .map((policy) =>
      isAbsent(policy.policy, absent) ? unknownRow(policy) : rowOf(policy, window, at, versions),
    );
  const columns = ["POLICY", "RATE", "FAILED", "P50", "P99", "SENT", "SHED", "CIRCUITS"];
  const table = screen.rows([...columns, ...(versions ? ["VERSION"] : []), "2 MIN"], rows);
  return [screen.fitted(head), ...notes(screen, state), "", ...table];
}

/** Policies of which a picture says who refuses their document; of all it is said by `policies followers`. */
const mostRefused = 3;

/** What one should know before one believes the rows: what is not told of, and whose documents are refused. */
function notes(screen: Screen, state: SystemState): string[] {
  const { absent } = state;
  const refused = toldIn(state).policies.flatMap(({ policy, document }) => {
    const why = document && refusalWords(document);
    return why === undefined ? [] : [`${policy}: ${versionWords(document as DocumentReport)}, ${why}`];
  });
  const more = refused.length - mostRefused;
  return [
    ...(absent === undefined ? [] : [{ text: absentWords(absent), ink: "yellow" as const }]),
    ...refused.slice(0, mostRefused).map((text) => ({ text, ink: "red" as const })),
    ...(more > 0 ? [`documents of ${more} more are refused: ninelives policies followers`] : []),
  ].map((cell) => screen.fitted([cell]));
}

function unknownRow({ policy }: PolicyState): Cell[] {
  return [{ text: policy, ink: "bold" }, ...Array<null>(6).fill(null), { text: "unknown", ink: "dim" }];
}

/** Whether anybody told of it within the window: else what happened is unknown, and not nothing. */
function isHeard({ lastEventAt }: PolicyState, window: WindowName, now: number): boolean {
  return lastEventAt > 0 && now - lastEventAt < windowSpans[window];
}

function rowOf(state: PolicyState, window: WindowName, now: number, versions: boolean): Cell[] {
  const { policy, windows, series, document } = state;
  const heard = isHeard(state, window, now);
  const { rate, errorRate, p50, p99, amplification, rejected } = windows[window];
  const failed = percent(errorRate);
  return [
    { text: policy, ink: "bold" },
    heard ? `${figures(rate)}/s` : null,
    errorRate !== null && errorRate >= 0.05 ? { text: failed, ink: "red" } : failed,
    latency(p50),
    latency(p99),
    amplification === null ? null : `${amplification.toFixed(2)}x`,
    heard ? rejected : null,
    circuitsCell(state, now),
    ...(versions ? [versionCell(document)] : []),
    { text: sparkline(series.requests, 24), ink: "cyan" },
  ];
}

/** The newest version in force with anybody, in red where somebody refuses one. */
function versionCell(document: DocumentReport | undefined): Cell {
  if (document === undefined || document.version === null) return null;
  return refusalWords(document) === undefined
    ? document.version
    : { text: `${document.version}`, ink: "red" };
}

const bars = "▁▂▃▄▅▆▇█";

/** The newest numbers as bars, the highest of them full. */
export function sparkline(numbers: readonly number[], width: number): string {
  const shown = numbers.slice(-width);
  const most = Math.max(...shown, 1);
  return shown.map((number) => (number === 0 ? " " : bars[Math.ceil((number / most) * 8) - 1])).join("");
}

function comparing(order: View["order"], window: WindowName, { absent }: SystemState) {
  const value = ({ policy, windows }: PolicyState): number => {
    if (isAbsent(policy, absent)) return -1;
    const { rate, errorRate, p99 } = windows[window];
    return (order === "rate" ? rate : order === "errors" ? errorRate : p99) ?? -1;
  };
  return (one: PolicyState, other: PolicyState): number =>
    (order === "name" ? 0 : value(other) - value(one)) || one.policy.localeCompare(other.policy);
}

function sum(states: readonly WindowState[], of: "requests" | "failures" | "rate"): number {
  return states.reduce((total, state) => total + state[of], 0);
}
