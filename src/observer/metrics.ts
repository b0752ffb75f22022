import type { CircuitState } from "../core/events.ts";
import type { HistogramSample, MetricFamily, Sample } from "../state/metric-family.ts";
import type { PolicyTotals } from "./observer.ts";
import { windowSpans } from "./system-state.ts";

const refusing: readonly CircuitState[] = ["open", "half-open", "forced-open"];

/** What metrics are made of: an observer, or the sum of several. */
export interface Counted {
  /** `null` where nobody knows. */
  readonly dropped: number | null;
  /** Shards that did not answer; none where there is one observer. */
  readonly absent?: number;
  totals(): readonly PolicyTotals[];
}

/**
 * What the observer has counted, as metrics with the policy as their label.
 *
 * Every family is there from the beginning, also while it has no sample. What a circuit is now that nobody told of for 15 minutes
 * is unknown, and has none: whoever opened it may be gone. What a person forced open stays so.
 *
 * @param now milliseconds since 1970, by the observer's clock
 */
export function metricsOf(observer: Counted, now: number): MetricFamily[] {
  const policies = observer.totals();
  const each = (samples: (policy: PolicyTotals) => readonly Sample[]): Sample[] => policies.flatMap(samples);
  const byPolicy = (value: (policy: PolicyTotals) => number): Sample[] =>
    policies.map((policy) => [{ policy: policy.policy }, value(policy)]);
  return [
    {
      name: "resilience_requests_total",
      help: "Calls that ended, after all policies.",
      type: "counter",
      samples: each(({ policy, counts }) => [
        [{ policy, result: "success" }, counts.requests - counts.failures - counts.degraded],
        [{ policy, result: "degraded" }, counts.degraded],
        [{ policy, result: "failure" }, counts.failures],
        [{ policy, result: "aborted" }, counts.aborted],
      ]),
    },
    {
      name: "resilience_request_duration_seconds",
      help: "How long calls took that went out, all attempts and waits included.",
      type: "histogram",
      unit: "seconds",
      samples: policies.map(({ policy, durations }) => [{ policy }, durations]),
    },
    {
      name: "resilience_retry_attempts",
      help: "How often each call went out, hedges included.",
      type: "histogram",
      samples: policies.map(({ policy, attempts }) => [{ policy }, attempts]),
    },
    {
      name: "resilience_retries_total",
      help: "Attempts after the first.",
      type: "counter",
      samples: byPolicy(({ counts }) => counts.retries),
    },
    {
      name: "resilience_timeout_operations_total",
      help: "Operations under a timeout, by whether they ended within it.",
      type: "counter",
      samples: each(({ policy, counts, inTime }) => [
        [{ policy, result: "success" }, inTime],
        [{ policy, result: "timeout" }, counts.timeouts],
      ]),
    },
    {
      name: "resilience_rejections_total",
      help: "Calls that a circuit breaker, a bulkhead, a rate limit or a throttle refused.",
      type: "counter",
      samples: byPolicy(({ counts }) => counts.rejected),
    },
    {
      name: "resilience_fallbacks_total",
      help: "Calls that a fallback answered, or tried to.",
      type: "counter",
      samples: byPolicy(({ counts }) => counts.fallbacks),
    },
    {
      name: "resilience_hedges_total",
      help: "Hedges that were started, by whether they brought the answer.",
      type: "counter",
      samples: each(({ policy, counts }) => [
        [{ policy, result: "won" }, counts.hedgesWon],
        [{ policy, result: "lost" }, Math.max(0, counts.hedges - counts.hedgesWon)],
      ]),
    },
    ...circuitMetrics(policies, now),
    {
      name: "resilience_events_dropped_total",
      help: "Events that never reached the observer: there was no room, no delivery succeeded, or they were rejected.",
      type: "counter",
      samples: observer.dropped === null ? [] : [[{}, observer.dropped]],
    },
    {
      name: "resilience_observer_shards_absent",
      help: "Shards of the observer that did not answer: what they have counted is missing here.",
      type: "gauge",
      samples: [[{}, observer.absent ?? 0]],
    },
  ];
}

function circuitMetrics(policies: readonly PolicyTotals[], now: number): MetricFamily[] {
  return [
    {
      name: "resilience_circuit_breaker_calls_total",
      help: "Calls that came to a circuit, by its state then and by what became of them.",
      type: "counter",
      samples: policies.flatMap(({ policy, calls }) =>
        calls.map(([circuit, state, result, count]): Sample => [{ policy, circuit, state, result }, count]),
      ),
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
      name: "resilience_circuit_breaker_open_duration_seconds",
      help: "How long circuits were not closed, each time that they closed again.",
      type: "histogram",
      unit: "seconds",
      samples: policies.flatMap(({ policy, openings }) =>
        openings.map(([circuit, value]): HistogramSample => [{ policy, circuit }, value]),
      ),
    },
    {
      name: "resilience_circuit_breaker_open",
      help: "1 while a circuit refuses calls or probes, 0 while it lets all of them through.",
      type: "gauge",
      samples: policies.flatMap(({ policy, circuits }) =>
        circuits
          // An older shard does not tell when.
          .filter(({ state, heardAt }) => state === "forced-open" || !(now - heardAt > windowSpans["15m"]))
          .map(({ circuit, state }): Sample => [{ policy, circuit }, refusing.includes(state) ? 1 : 0]),
      ),
    },
  ];
}
