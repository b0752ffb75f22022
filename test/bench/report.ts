import { leastBreakerName, leastStackName } from "./floors.ts";
import { leastFetchName } from "./least-fetch.ts";
import type { OverLoopback } from "./loopback.ts";
import type { Timing } from "./measure.ts";

export interface Measured extends Timing {
  /** Bytes that a call allocates, the call itself included. */
  readonly bytes: number;
}

export interface SectionResult {
  readonly title: string;
  readonly measured: readonly Measured[];
}

export interface Results {
  readonly node: string;
  readonly rounds: number;
  readonly sections: readonly SectionResult[];
  readonly loopback: readonly OverLoopback[];
  /** Nanoseconds that one event into a ring costs. */
  readonly event: number;
  /** Bytes of heap by kind of instance. */
  readonly instances: Readonly<Record<string, number>>;
}

export interface Target {
  readonly what: string;
  readonly target: number;
  readonly measured: number;
  readonly unit: "ns" | "B" | "";
  /** What the least that one could write by hand comes to. */
  readonly floor?: number;
}

/** The row that ratios are to: the first of ours, where there is one. */
const ours = (measured: readonly Measured[]): Measured | undefined =>
  measured.find(({ name }) => name.startsWith("ninelives"));

const number = (value: number, digits = 0): string => value.toFixed(digits);

/** A Markdown table, which is readable as it is. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(" | ")} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/** One section: what a call costs over the bare one, how that compares with ours, what it allocates. */
export function sectionTable({ title, measured }: SectionResult): string {
  const own = ours(measured)?.overhead;
  const rows = measured.map(({ name, total, overhead, bytes }, index) => [
    name,
    number(total),
    index === 0 ? "" : number(overhead),
    index === 0 || own === undefined ? "" : `${number(overhead / own, 2)} ×`,
    number(bytes),
  ]);
  return table([title, "ns a call", "over bare", "ratio", "bytes"], rows);
}

/** The targets of the design, beside what was measured. */
export function targets({ sections, loopback, event, instances }: Results): Target[] {
  const overhead = (title: string, name: string): number => {
    const section = sections.find((each) => each.title.startsWith(title));
    const row = section?.measured.find((each) => each.name.startsWith(name));
    return row?.overhead ?? Number.NaN;
  };
  const stack = "retry > breaker > timeout > bulkhead";
  const least = (name: string): number => overhead("floors", name);
  const ratio = (what: string, target: number, own: number, theirs: number, floor?: number): Target => ({
    what,
    target,
    measured: own / theirs,
    unit: "",
    ...(floor === undefined ? {} : { floor: floor / theirs }),
  });
  const nanoseconds = (what: string, target: number, measured: number, floor?: number): Target => ({
    what,
    target,
    measured,
    unit: "ns",
    ...(floor === undefined ? {} : { floor }),
  });
  const breaker = overhead("circuit breaker", "ninelives");
  const leastBreaker = least(leastBreakerName);
  const whole = overhead(stack, "ninelives");
  const leastStack = least(leastStackName);
  const leastFetch = overhead("fetch", leastFetchName);
  const toNative = (name: string): number => loopback.find((row) => row.name === name)?.ratio ?? Number.NaN;
  const refusal = overhead("refusal by an open", "ninelives");
  const peersRefusal = Math.min(
    ...["cockatiel", "opossum", "alfred"].map((name) => overhead("refusal by an open", name)),
  );
  const cockatielBreaker = overhead("circuit breaker", "cockatiel");
  const cockatielStack = overhead(stack, "cockatiel");
  const opossum = overhead("breaker > timeout", "opossum");
  const ky = overhead("fetch", "ky");
  return [
    nanoseconds("breaker alone", 100, breaker, leastBreaker),
    ratio("breaker alone, to cockatiel's", 1 / 2, breaker, cockatielBreaker, leastBreaker),
    nanoseconds(stack, 500, whole, leastStack),
    nanoseconds(`${stack}, events into a ring`, 700, overhead(stack, "ninelives, events"), leastStack),
    ratio(`${stack}, to cockatiel's`, 1 / 25, whole, cockatielStack, leastStack),
    ratio(`${stack}, to opossum's breaker with timeout`, 1 / 3, whole, opossum, leastStack),
    nanoseconds("refusal by an open circuit", 2_500, refusal),
    ratio("refusal by an open circuit, to the fastest peer's", 1 / 4, refusal, peersRefusal),
    ratio("resilientFetch, to ky", 1 / 20, overhead("fetch", "ninelives resilientFetch"), ky, leastFetch),
    ratio(
      "resilientFetch with ky's policies, to ky",
      1 / 20,
      overhead("fetch", "ninelives resilientFetch, retry"),
      ky,
      leastFetch,
    ),
    ratio(
      "resilientFetch over loopback, to native",
      1.01,
      toNative("ninelives resilientFetch"),
      1,
      toNative(leastFetchName),
    ),
    ratio(
      "resilientFetch without policy over loopback, to native",
      1.01,
      toNative("ninelives resilientFetch, no policy"),
      1,
    ),
    nanoseconds("an event into a ring", 100, event),
    {
      what: "heap of a circuit",
      target: 1_024,
      measured: instances["circuit breaker"] ?? Number.NaN,
      unit: "B",
    },
  ];
}

export function targetTable(list: readonly Target[]): string {
  const rows = list.map(({ what, target, measured, unit, floor }) => {
    const digits = unit === "" ? 3 : 0;
    return [
      what,
      `${number(target, digits)} ${unit}`.trim(),
      `${number(measured, digits)} ${unit}`.trim(),
      floor === undefined ? "" : `${number(floor, digits)} ${unit}`.trim(),
      measured <= target ? "met" : `missed, ${number(measured / target, 2)} ×`,
    ];
  });
  return table(["target", "at most", "measured", "floor", ""], rows);
}

export function instanceTable(instances: Results["instances"]): string {
  return table(
    ["an instance keeps", "bytes"],
    Object.entries(instances).map(([name, bytes]) => [name, number(bytes)]),
  );
}
