export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Axis {
  readonly title: string;
  readonly ticks: readonly (readonly [at: number, label: string])[];
  readonly logarithmic?: boolean;
}

export interface Panel {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
}

const colours = ["#8b8f98", "#d1495b", "#edae49", "#66a182", "#2e86ab", "#6f4e9c"];
const [wide, high, left, top, bottom] = [460, 300, 62, 34, 46] as const;
const inner = { wide: wide - left - 30, high: high - top - bottom };

/** Panels of lines side by side, with one legend, readable on light and on dark ground. */
export function plot(title: string, panels: readonly Panel[]): string {
  const names = [...new Set(panels.flatMap(({ lines }) => lines.map(({ name }) => name)))];
  const width = wide * panels.length;
  const legend = names.map(
    (name, index) =>
      `<g transform="translate(${left + (index % 3) * 210} ${high + 42 + Math.floor(index / 3) * 20})">` +
      `<line x2="22" stroke="${colours[index]}" stroke-width="3"/><text x="28" y="4">${escaped(name)}</text></g>`,
  );
  const total = high + 62 + Math.ceil(names.length / 3) * 20;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" role="img" aria-label="${escaped(title)}" font-family="system-ui, sans-serif" font-size="12" fill="#222">`,
    `<rect width="${width}" height="${total}" fill="#fff"/>`,
    `<text x="${width / 2}" y="20" text-anchor="middle" font-size="15">${escaped(title)}</text>`,
    ...panels.map((panel, index) => `<g transform="translate(${index * wide} 20)">${draw(panel, names)}</g>`),
    ...legend,
    "</svg>\n",
  ].join("\n");
}

function draw({ title, x, y, lines }: Panel, names: readonly string[]): string {
  const across = scale(
    x,
    lines.flatMap(({ points }) => points.map(([at]) => at)),
    left,
    inner.wide,
  );
  const up = scale(
    y,
    lines.flatMap(({ points }) => points.map(([, at]) => at)),
    top + inner.high,
    -inner.high,
  );
  const middle = left + inner.wide / 2;
  const grid = [
    ...x.ticks.map(
      ([at, label]) =>
        `<text x="${across(at)}" y="${top + inner.high + 16}" text-anchor="middle">${label}</text>`,
    ),
    ...y.ticks.map(
      ([at, label]) =>
        `<line x1="${left}" x2="${left + inner.wide}" y1="${up(at)}" y2="${up(at)}" stroke="#ddd"/>` +
        `<text x="${left - 6}" y="${up(at) + 4}" text-anchor="end">${label}</text>`,
    ),
  ];
  const paths = lines.map(({ name, points }) => {
    const path = points.map(([at, value]) => `${across(at)},${up(value)}`).join(" ");
    return `<polyline points="${path}" fill="none" stroke="${colours[names.indexOf(name)]}" stroke-width="2"/>`;
  });
  return [
    `<text x="${middle}" y="${top - 12}" text-anchor="middle">${escaped(title)}</text>`,
    ...grid,
    ...paths,
    `<text x="${middle}" y="${high - 12}" text-anchor="middle">${escaped(x.title)}</text>`,
    `<text transform="translate(14 ${top + inner.high / 2}) rotate(-90)" text-anchor="middle">${escaped(y.title)}</text>`,
  ].join("\n");
}

/** From values to places, so that all values and ticks have one. */
function scale(
  { ticks, logarithmic = false }: Axis,
  values: readonly number[],
  start: number,
  length: number,
) {
  const place = (value: number): number => (logarithmic ? Math.log10(value) : value);
  const all = [...values, ...ticks.map(([at]) => at)].map(place);
  const [least, most] = [Math.min(...all), Math.max(...all)];
  return (value: number): number => Math.round(start + ((place(value) - least) / (most - least)) * length);
}

const escaped = (text: string): string =>
  text.replace(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`);
