import type { Child } from "hono/jsx";
import { useEffect, useRef, useState } from "hono/jsx/dom";
import uPlot from "uplot";
import { type Ink, inkOf } from "./ink.ts";

/** One of the lines or areas of a plot. Its colour is that of the swatch with this name in the legend. */
export interface Trace {
  readonly name: string;
  /** Filled down to the ground, or a line. */
  readonly area?: boolean;
  readonly dash?: number[];
  readonly values: readonly (number | null)[];
}

interface PlotProps {
  readonly title: string;
  /** What stands for the traces, with `data-swatch` on what has their colours. */
  readonly legend: () => Child;
  /** What the plot says, in words. */
  readonly summary: string;
  /** Milliseconds between two points; the newest is now. */
  readonly step: number;
  /** Areas that are drawn later cover those before. */
  readonly traces: readonly Trace[];
  /** The top of the scale. */
  readonly most: number;
  readonly unit: (value: number) => string;
  /** What stands at one point. */
  readonly readout: (index: number) => string;
}

const height = 190;
const seconds = [-90, -60, -30, 0];

/** A plot over the last two minutes that reads out the point under the mouse, a finger or the arrow keys. */
export function Plot(props: PlotProps) {
  const { title, legend, summary, step, traces, readout } = props;
  const figure = useRef<HTMLElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [at, point] = useState<number | null>(null);
  const points = traces[0]?.values.length ?? 0;

  useEffect(() => {
    const element = figure.current?.querySelector<HTMLElement>(".plot");
    if (element == null) return;
    // On a busy machine a render that overtakes another has its effect run twice, without the first one's end.
    plot.current?.destroy();
    const made = new uPlot(
      optionsOf(element, latest, (index) => point(index)),
      dataOf(latest.current),
      element,
    );
    plot.current = made;
    const fit = new ResizeObserver(([entry]) => {
      if (plot.current !== made) return fit.disconnect();
      const width = Math.floor(entry?.contentRect.width ?? 0);
      if (width > 0 && width !== made.width) made.setSize({ width, height });
    });
    fit.observe(element);
    return () => {
      fit.disconnect();
      made.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(dataOf(props)), [traces]);

  const walk = (event: KeyboardEvent): void => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined || plot.current === null) return;
    event.preventDefault();
    const next = Math.min(points - 1, Math.max(0, (at ?? points) + by));
    plot.current.setCursor({ left: plot.current.valToPos(plot.current.data[0][next] ?? 0, "x"), top: 0 });
  };
  return (
    <figure class="chart" ref={figure}>
      <figcaption>
        <h2>{title}</h2>
        {legend()}
        <span class="readout" role="status">
          {at === null ? "" : `${ago(points - 1 - at, step)}: ${readout(at)}`}
        </span>
      </figcaption>
      <div class="plot" role="img" aria-label={summary} tabindex={0} onKeyDown={walk} />
    </figure>
  );
}

function optionsOf(
  element: HTMLElement,
  latest: { readonly current: PlotProps },
  onPoint: (index: number | null) => void,
): uPlot.Options {
  // Found once: it is drawn for the last time when it is already gone from the page.
  const chart = element.closest(".chart") as HTMLElement;
  const ink = (part: string): Ink => inkOf(chart, part);
  const axis = {
    stroke: () => getComputedStyle(element).color,
    font: "11.5px system-ui",
    ticks: { show: false },
  };
  const grid = { stroke: () => getComputedStyle(element).borderTopColor, width: 1 };
  return {
    width: Math.max(200, element.clientWidth),
    height,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: { x: { time: false }, y: { range: () => [0, latest.current.most] } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 24,
        splits: () => seconds,
        values: (_, values) => values.map((value) => (value === 0 ? "now" : `−${-value} s`)),
      },
      {
        ...axis,
        grid,
        size: 62,
        splits: () => [0, 0.5, 1].map((share) => share * latest.current.most),
        values: (_, values) => values.map((value) => latest.current.unit(value)),
      },
    ],
    series: [
      {},
      ...latest.current.traces.map(
        ({ name, area, dash }): uPlot.Series => ({
          width: area ? 0 : 2,
          stroke: () => ink(name).colour,
          ...(area ? { fill: () => ink(name).fill } : {}),
          ...(dash ? { dash } : {}),
          points: { show: !area, size: 5, fill: () => ink(name).colour },
        }),
      ),
    ],
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
  };
}

function dataOf({ traces, step }: PlotProps): uPlot.AlignedData {
  const points = traces[0]?.values.length ?? 0;
  const x = Array.from({ length: points }, (_, index) => ((index - points + 1) * step) / 1_000);
  return [x, ...traces.map(({ values }) => [...values])];
}

function ago(points: number, step: number): string {
  const seconds = Math.round((points * step) / 1_000);
  return seconds === 0 ? "now" : `${seconds} s ago`;
}
