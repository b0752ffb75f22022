import type { Series } from "ninelives/observer";
import { useBoard } from "../board.ts";
import { latency, rate } from "../format.ts";
import { Chart, type Plot } from "./chart.tsx";
import { band, line, outcomesOf, roundUp } from "./outcomes.ts";

/** Calls a second by what became of them. */
export function ThroughputChart({ series }: { series: Series }) {
  const { seenAt } = useBoard();
  const seconds = series.step / 1_000;
  const points = outcomesOf(series, seenAt).map(({ answered, failed, refused }) => ({
    answered: answered / seconds,
    failed: failed / seconds,
    refused: refused / seconds,
  }));
  const failed = points.map((point) => point.failed);
  const bad = points.map((point) => point.failed + point.refused);
  const all = points.map((point) => point.failed + point.refused + point.answered);
  const most = roundUp(Math.max(...all, 0));
  const zero = points.map(() => 0);
  const draw = ({ x, y }: Plot) => (
    <>
      <path class="area-answered" d={band(bad, all, x, y)} />
      <path class="area-refused" d={band(failed, bad, x, y)} />
      <path class="area-refused-pattern" d={band(failed, bad, x, y)} fill="url(#dots)" />
      <path class="area-failed" d={band(zero, failed, x, y)} />
      <path class="area-failed-pattern" d={band(zero, failed, x, y)} fill="url(#stripes)" />
    </>
  );
  const readout = (index: number): string => {
    const point = points[index];
    return point === undefined
      ? ""
      : `${rate(point.answered)} answered, ${rate(point.failed)} failed, ${rate(point.refused)} refused`;
  };
  const legend = () => (
    <ul class="legend">
      {(["answered", "refused", "failed"] as const).map((name) => (
        <li key={name}>
          <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
            <rect class={`area-${name}`} width="14" height="14" rx="3" />
            {name !== "answered" && (
              <rect
                class={`area-${name}-pattern`}
                width="14"
                height="14"
                rx="3"
                fill={name === "failed" ? "url(#stripes)" : "url(#dots)"}
              />
            )}
          </svg>
          {name}
        </li>
      ))}
    </ul>
  );
  return (
    <Chart
      title="Throughput"
      legend={legend}
      summary={`Calls a second over the last two minutes. Newest: ${readout(points.length - 1)}`}
      series={series}
      most={most}
      unit={rate}
      readout={readout}
      draw={draw}
    />
  );
}

/** What the slowest calls took. */
export function LatencyChart({ series }: { series: Series }) {
  const { p99 } = series;
  const most = roundUp(Math.max(...p99.map((value) => value ?? 0), 1));
  const newest = p99.findLast((value) => value !== null);
  return (
    <Chart
      title="Latency, p99"
      summary={`The 99th percentile of latency over the last two minutes. Newest: ${latency(newest)}`}
      series={series}
      most={most}
      unit={latency}
      readout={(index) => latency(p99[index])}
      draw={({ x, y }) => (
        <>
          <path class="line" d={line(p99, x, y)} fill="none" />
          {p99.map(
            (value, index) => value !== null && <circle class="point" cx={x(index)} cy={y(value)} r="2.6" />,
          )}
        </>
      )}
    />
  );
}
