import type { HistogramValue, Labels, MetricFamily } from "../state/metric-family.ts";

/** The content type of {@link prometheusText}. */
export const prometheusType = "text/plain; version=0.0.4; charset=utf-8";
/** The content type of {@link openMetricsText}. */
export const openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/**
 * Writes metrics as Prometheus reads them.
 *
 * HELP and TYPE of every family stand there even while it has no sample.
 *
 * Source: Prometheus text format 0.0.4.
 *
 * @example
 * const text = prometheusText(metricsOf(observer, Date.now()));
 */
export function prometheusText(families: readonly MetricFamily[]): string {
  const lines: string[] = [];
  for (const family of families) {
    const { name, help, type } = family;
    lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`);
    if (family.type === "histogram") {
      for (const [labels, value] of family.samples) lines.push(...histogramLines(name, labels, value));
    } else {
      for (const [labels, value] of family.samples)
        lines.push(`${name}${labelText(labels)} ${numberText(value)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/**
 * Writes metrics as OpenMetrics, with exemplars that lead from a bucket to the trace of one of its calls.
 *
 * Source: OpenMetrics 1.0.
 */
export function openMetricsText(families: readonly MetricFamily[]): string {
  const lines: string[] = [];
  for (const family of families) {
    const { help, type, unit } = family;
    // The family of a counter is named without the suffix that its samples bear.
    const name = type === "counter" ? family.name.replace(/_total$/, "") : family.name;
    lines.push(`# TYPE ${name} ${type}`);
    if (unit !== undefined) lines.push(`# UNIT ${name} ${unit}`);
    lines.push(`# HELP ${name} ${escapeLabel(help)}`);
    if (family.type === "histogram") {
      for (const [labels, value] of family.samples) {
        const exemplars = value.exemplars.map((exemplar) =>
          exemplar === undefined
            ? ""
            : ` # {trace_id="${escapeLabel(exemplar.traceId)}"} ${exemplar.value} ${exemplar.at / 1_000}`,
        );
        lines.push(...histogramLines(name, labels, value, exemplars));
      }
    } else {
      const suffix = type === "counter" ? "_total" : "";
      for (const [labels, value] of family.samples)
        lines.push(`${name}${suffix}${labelText(labels)} ${numberText(value)}`);
    }
  }
  return [...lines, "# EOF\n"].join("\n");
}

/** Cumulative buckets, the sum and the count. */
function histogramLines(
  name: string,
  labels: Labels,
  { bounds, counts, sum }: HistogramValue,
  exemplars: readonly string[] = [],
): string[] {
  let count = 0;
  const buckets = counts.map((held, bucket) => {
    count += held;
    const le = numberText(bounds[bucket] ?? Infinity);
    return `${name}_bucket${labelText({ ...labels, le })} ${count}${exemplars[bucket] ?? ""}`;
  });
  const text = labelText(labels);
  return [...buckets, `${name}_sum${text} ${numberText(sum)}`, `${name}_count${text} ${count}`];
}

function numberText(value: number): string {
  return String(value).replace("Infinity", value > 0 ? "+Inf" : "Inf");
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
