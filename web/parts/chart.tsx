import type { Child } from "hono/jsx";
import { useEffect, useRef, useState } from "hono/jsx/dom";
import type { Series } from "ninelives/observer";

/** Where the values of a chart lie on the screen, in pixels. */
export interface Plot {
  readonly x: (index: number) => number;
  readonly y: (value: number) => number;
}

interface ChartProps {
  readonly title: string;
  /** A function, for an element that this component draws twice would grow: hono/jsx/dom wraps what is in an svg in place. */
  readonly legend?: () => Child;
  /** What the chart says, in words. */
  readonly summary: string;
  readonly series: Series;
  /** The top of the scale. */
  readonly most: number;
  readonly unit: (value: number) => string;
  /** What stands at one point. */
  readonly readout: (index: number) => string;
  readonly draw: (plot: Plot) => Child;
}

const height = 180;
/** Seconds ago that the axis of time names. */
const ticks = [90, 60, 30, 0];
const margin = { top: 10, right: 8, bottom: 22, left: 54 };

/** A chart over the last two minutes, with axes, that reads out the point under the mouse or a finger. */
export function Chart({ title, legend, summary, series, most, unit, readout, draw }: ChartProps) {
  const [figure, width] = useWidth();
  const [at, point] = useState<number | null>(null);
  const points = series.requests.length;
  const inner = Math.max(1, width - margin.left - margin.right);
  const x = (index: number): number => margin.left + (index * inner) / Math.max(1, points - 1);
  const y = (value: number): number =>
    height - margin.bottom - (value / most) * (height - margin.top - margin.bottom);

  const follow = (event: PointerEvent): void => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const index = Math.round(((event.clientX - box.left - margin.left) / inner) * (points - 1));
    point(Math.min(points - 1, Math.max(0, index)));
  };
  return (
    <figure class="chart" ref={figure}>
      <figcaption>
        <h2>{title}</h2>
        {legend?.()}
        <span class="readout" aria-hidden="true">
          {at === null ? "" : `${ago(points - 1 - at, series.step)}: ${readout(at)}`}
        </span>
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        width={width}
        height={height}
        role="img"
        aria-label={summary}
        onPointerMove={follow}
        onPointerLeave={() => point(null)}
      >
        {[0, 0.5, 1].map((share) => (
          <g key={share}>
            <path class="grid" d={`M${margin.left} ${y(most * share)}H${width - margin.right}`} />
            <text class="tick" x={margin.left - 8} y={y(most * share) + 4} text-anchor="end">
              {unit(most * share)}
            </text>
          </g>
        ))}
        {draw({ x, y })}
        {ticks.map((seconds) => {
          const index = points - 1 - (seconds * 1_000) / series.step;
          return (
            index >= 0 && (
              <text
                key={seconds}
                class="tick"
                x={x(index)}
                y={height - 5}
                text-anchor={seconds === 0 ? "end" : "middle"}
              >
                {seconds === 0 ? "now" : `−${seconds} s`}
              </text>
            )
          );
        })}
        {at !== null && <path class="crosshair" d={`M${x(at)} ${margin.top}V${height - margin.bottom}`} />}
      </svg>
    </figure>
  );
}

function ago(points: number, step: number): string {
  const seconds = Math.round((points * step) / 1_000);
  return seconds === 0 ? "now" : `${seconds} s ago`;
}

/** The width that the figure has, so that text in the drawing keeps its size. */
function useWidth(): [ref: { current: HTMLElement | null }, width: number] {
  const figure = useRef<HTMLElement>(null);
  const [width, setWidth] = useState(600);
  useEffect(() => {
    const element = figure.current;
    if (element === null) return;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 600)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [figure, width];
}
