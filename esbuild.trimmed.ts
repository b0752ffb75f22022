import { readFile } from "node:fs/promises";
import type { Plugin } from "esbuild";

/** What a function that nobody calls does instead, by its name; empty where nobody looks at what it returns. */
type Unused = Readonly<Record<string, string>>;

/**
 * What of uPlot the dashboard has no use for: dates, legends, dragging, bands, logarithmic scales and those without a
 * range, other lines than straight ones, points under the cursor. Its author leaves such parts out by flags of its build, which its package does not have.
 */
const uplot: Unused = {
  genTimeStuffs: "return [[], [], () => {}];",
  // Asked for a single point alone, since the scales have ranges.
  rangeNum: "return [_min, _max];",
  ...none("fmtDate", "tzDate", "timeAxisStamps", "timeAxisVals", "timeAxisVal", "timeSeriesStamp"),
  ...none("timeSeriesVal", "bars", "stepped", "monotoneCubic", "splineInterp", "join", "nullExpand"),
  ...none("rangeLog", "rangeAsinh", "logAxisSplits", "log2AxisValsFilt", "log10AxisValsFilt"),
  ...none("asinhAxisSplits", "clipBandLine", "initLegendRow", "syncLegend", "setLegend"),
  ...none("setLegendValues", "mouseDown", "mouseUp", "dblClick", "toggleDOM", "addSeries", "delSeries"),
  ...none(
    "addBand",
    "delBand",
    "setBand",
    "setFocus",
    "setAlpha",
    "setSeries",
    "setSelect",
    "elSize",
    "elColor",
  ),
  ...none("numAxisSplits", "seriesPointsShow", "cursorPointShow", "legendStroke", "legendFill"),
  ...none("numAxisVals", "numSeriesVal", "cursorPointStroke", "cursorPointFill", "cursorPointSize"),
  ...none("snapLogY", "snapAsinhY", "initCursorPt", "pubSync", "pub"),
  // No chart follows the cursor of another one.
  _sync: "return { sub() {}, unsub() {} };",
  bandFillClipDirs: "return [0, 0];",
  // Without bands.
  fillStroke:
    "strokeFill(strokeStyle, lineWidth, lineDash, lineCap, fillStyle, strokePath, fillPath, flags, boundsClip, gapsClip);",
  strokeFill: `
    setCtxStyle(strokeStyle, lineWidth, lineDash, lineCap, fillStyle);
    ctx.save();
    boundsClip && ctx.clip(boundsClip);
    gapsClip && ctx.clip(gapsClip);
    doFill(fillStyle, fillPath);
    doStroke(strokeStyle, strokePath, lineWidth);
    ctx.restore();`,
  // The axes say themselves where they have marks.
  getIncrSpace: "return (axes[axisIdx]._found = [1, 1]);",
  genIncrs: "return [];",
};

/** Values of uPlot that nobody looks at, for dates and for axes without a font of their own: what stands in their place. */
const unread: Unused = {
  ...Object.fromEntries(
    ["days3", "months3", "localTz", "NLyyyy", "NLmd", "NLmdyy", "hmmaa", "NLhmmaa", "_timeSeriesStamp"].map(
      (name) => [name, "undefined"],
    ),
  ),
  font: '"12px"',
};

/**
 * Leaves out of what a page loads what it has no use for: 8 kB of the dashboard's, as they are sent.
 *
 * An update of what is trimmed that names something otherwise fails the build, and one that calls what is left out
 * fails the tests of the charts.
 */
export const trimmed: Plugin = {
  name: "trimmed",
  setup(build) {
    build.onLoad({ filter: /[\\/]uPlot\.esm\.js$/ }, async ({ path }) => ({
      contents: Object.entries(unread).reduce(
        given,
        Object.entries(uplot).reduce(emptied, await readFile(path, "utf8")),
      ),
    }));
    // Titles, links and forms that act by themselves.
    build.onLoad({ filter: /hono[\\/].*intrinsic-element[\\/]components\.js$/ }, () => ({
      contents: "export const components_exports = {};",
    }));
  },
};

function none(...names: readonly string[]): Unused {
  return Object.fromEntries(names.map((name) => [name, ""]));
}

/** The code with another value for a constant that stands in a line of its own. */
function given(code: string, [name, value]: [string, string]): string {
  const line = new RegExp(`^const ${name} +=.*;$`, "m");
  if (!line.test(code)) throw new Error(`${name} does not stand in uPlot`);
  return code.replace(line, `const ${name} = ${value};`);
}

/** The code with another body for a function that stands in a line of its own, and ends at its own indentation. */
function emptied(code: string, [name, body]: [string, string]): string {
  const found = [...code.matchAll(new RegExp(`^(\\t*)function ${name}\\(`, "gm"))];
  const [at] = found;
  if (at === undefined || found.length > 1) throw new Error(`${name} stands ${found.length} times in uPlot`);
  const begin = code.indexOf("{\n", at.index);
  const end = code.indexOf(`\n${at[1]}}\n`, begin);
  return `${code.slice(0, begin + 1)}${body}${code.slice(end + 1)}`;
}
