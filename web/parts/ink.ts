/** What a trace is drawn with. */
export interface Ink {
  readonly colour: string;
  /** The colour, or a pattern over it, so that areas are told apart without colours. */
  readonly fill: string | CanvasPattern;
}

/** The side of a pattern, in pixels of the canvas. */
const side = 10;

/** How each pattern is drawn, in a square that repeats. */
const patterns: Readonly<Record<string, (canvas: CanvasRenderingContext2D) => void>> = {
  stripes: (canvas) => {
    canvas.lineWidth = 2.4;
    for (const offset of [-side, 0, side]) {
      canvas.moveTo(offset, side);
      canvas.lineTo(offset + side, 0);
    }
    canvas.stroke();
  },
  dots: (canvas) => {
    for (const [x, y] of [
      [2.5, 2.5],
      [7.5, 7.5],
    ] as const) {
      canvas.beginPath();
      canvas.arc(x, y, 1.6, 0, 7);
      canvas.fill();
    }
  },
};

/** The ink of a swatch in the legend of a chart: what the style sheet says of it, in light and in dark. */
export function inkOf(chart: HTMLElement, name: string): Ink {
  const swatch = chart.querySelector<SVGElement>(`[data-swatch="${name}"]`);
  if (swatch === null) return { colour: "currentcolor", fill: "currentcolor" };
  const { fill: colour, stroke } = getComputedStyle(swatch);
  const draw = patterns[swatch.dataset.pattern ?? ""];
  return { colour, fill: draw === undefined ? colour : (patternOf(colour, stroke, draw) ?? colour) };
}

function patternOf(
  colour: string,
  ink: string,
  draw: (canvas: CanvasRenderingContext2D) => void,
): CanvasPattern | null {
  const tile = document.createElement("canvas");
  tile.width = tile.height = side;
  const canvas = tile.getContext("2d");
  if (canvas === null) return null;
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, side, side);
  canvas.fillStyle = canvas.strokeStyle = ink;
  draw(canvas);
  return canvas.createPattern(tile, "repeat");
}
