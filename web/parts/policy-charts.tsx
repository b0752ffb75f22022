import type { Series } from "ninelives/observer";
import { useBoard } from "../board.ts";
import { latency, rate } from "../format.ts";
import { outcomesOf, roundUp, watchedFrom } from "./outcomes.ts";
import { Plot } from "./plot.tsx";

const outcomes = [
  { name: "answered", pattern: undefined },
  { name: "refused", pattern: "dots" },
  { name: "failed", pattern: "stripes" },
] as const;

/** Calls a second, stacked by what became of them. */
export function ThroughputChart({ series }: { series: Series }) {
  const { seenAt, model } = useBoard();
  const seconds = series.step / 1_000;
  const first = watchedFrom(series, seenAt, model.observer?.since ?? null);
  const points = outcomesOf(series, seenAt).map(({ answered, failed, refused }, index) =>
    index < first
      ? null
      : { answered: answered / seconds, failed: failed / seconds, refused: refused / seconds },
  );
  const all = points.map((point) => point && point.failed + point.refused + point.answered);
  const traces = [
    { name: "answered", area: true, values: all },
    { name: "refused", area: true, values: points.map((point) => point && point.failed + point.refused) },
    { name: "failed", area: true, values: points.map((point) => point?.failed ?? null) },
  ];
  const readout = (index: number): string => {
    const point = points[index];
    return point == null
      ? "unknown"
      : `${rate(point.answered)} answered, ${rate(point.failed)} failed, ${rate(point.refused)} refused`;
  };
  return (
    <Plot
      title="Throughput"
      legend={() => <OutcomeLegend />}
      summary={`Calls a second over the last two minutes. Newest: ${readout(points.length - 1)}`}
      step={series.step}
      traces={traces}
      most={roundUp(Math.max(...all.map((value) => value ?? 0), 0))}
      unit={rate}
      readout={readout}
    />
  );
}

function OutcomeLegend() {
  return (
    <ul class="legend">
      {outcomes.map(({ name, pattern }) => (
        <li key={name}>
          <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
            <rect
              class={`swatch area-${name}`}
              data-swatch={name}
              data-pattern={pattern}
              width="14"
              height="14"
              rx="3"
            />
            {pattern !== undefined && <rect width="14" height="14" rx="3" fill={`url(#${pattern})`} />}
          </svg>
          {name}
        </li>
      ))}
    </ul>
  );
}

const percentiles = [
  { name: "p99", dash: undefined },
  { name: "p50", dash: [5, 4] },
] as const;

/** What half of the calls took at most, and what all but the slowest hundredth did. */
export function LatencyChart({ series }: { series: Series }) {
  const { p50, p99 } = series;
  const most = roundUp(Math.max(...p99.map((value) => value ?? 0), 1));
  const readout = (index: number): string =>
    p99[index] == null ? "no call that took time" : `p50 ${latency(p50[index])}, p99 ${latency(p99[index])}`;
  const newest = p99.findLastIndex((value) => value !== null);
  return (
    <Plot
      title="Latency"
      legend={() => (
        <ul class="legend">
          {percentiles.map(({ name, dash }) => (
            <li key={name}>
              <svg width="22" height="14" viewBox="0 0 22 14" aria-hidden="true">
                <path
                  class={`line-${name}`}
                  d="M0 7h22"
                  stroke-width="2"
                  stroke-dasharray={dash?.join(" ")}
                />
                <rect class={`swatch area-${name}`} data-swatch={name} width="0" height="0" />
              </svg>
              {name}
            </li>
          ))}
        </ul>
      )}
      summary={`Latency over the last two minutes. Newest: ${newest === -1 ? "unknown" : readout(newest)}`}
      step={series.step}
      traces={[
        { name: "p99", values: p99 },
        { name: "p50", values: p50, dash: [5, 4] },
      ]}
      most={most}
      unit={latency}
      readout={readout}
    />
  );
}
