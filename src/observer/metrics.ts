import type { Observer } from "./observer.ts";

/** One number of a family, told apart by its labels. */
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** Numbers of one name and kind, for any exporter. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  readonly samples: readonly Sample[];
}

/** The observer's counters as metrics, with the policy as their label. */
export function metricsOf(observer: Observer): MetricFamily[] {
  const policies = observer.totals();
  const perPolicy = (value: (each: (typeof policies)[number]) => number): Sample[] =>
    policies.map((each) => [{ policy: each.policy }, value(each)]);
  const results = (ok: string, failed: string): Sample[] =>
    policies.flatMap(({ policy, totals }): Sample[] => [
      [{ policy, result: ok }, totals.requests - totals.failures],
      [{ policy, result: failed }, totals.failures],
    ]);
  return [
    {
      name: "resilience_requests_total",
      help: "Calls that ended, after all policies.",
      type: "counter",
      samples: results("success", "failure"),
    },
    {
      name: "resilience_retries_total",
      help: "Attempts after the first.",
      type: "counter",
      samples: perPolicy(({ totals }) => totals.retries),
    },
    {
      name: "resilience_timeouts_total",
      help: "Calls that a timeout cut off.",
      type: "counter",
      samples: perPolicy(({ totals }) => totals.timeouts),
    },
    {
      name: "resilience_rejections_total",
      help: "Calls that a circuit breaker or a bulkhead refused.",
      type: "counter",
      samples: perPolicy(({ totals }) => totals.rejected),
    },
    {
      name: "resilience_circuit_breaker_state_transitions_total",
      help: "Changes of a circuit's state, by the state it came to.",
      type: "counter",
      samples: policies.flatMap(({ policy, transitions }) =>
        transitions.map(([circuit, to, count]): Sample => [{ policy, circuit, to }, count]),
      ),
    },
    {
      name: "resilience_circuit_breaker_open",
      help: "1 while a circuit refuses calls or probes, 0 while it is closed.",
      type: "gauge",
      samples: policies.flatMap(({ policy, circuits }) =>
        circuits.map(({ circuit, state }): Sample => [{ policy, circuit }, state === "closed" ? 0 : 1]),
      ),
    },
    {
      name: "resilience_events_dropped_total",
      help: "Events that never reached the observer because a buffer was full.",
      type: "counter",
      samples: [[{}, observer.dropped]],
    },
  ];
}
