import { type BadgeState, badgeWords } from "../circuit-words.ts";

const meanings: Readonly<Record<BadgeState, string>> = {
  closed: "calls pass",
  open: "calls are refused until it probes",
  "half-open": "a few calls pass to probe",
  "forced-open": "calls are refused until somebody closes it",
  disabled: "calls pass and are not counted",
  "metrics-only": "calls pass and are counted, it never opens",
  unheard: "it was open, and nobody has told of it for a minute",
  "no-circuit": "nobody has told of a circuit of this policy",
  unknown: "nothing is known of its circuit",
};

/** The state of a circuit by shape, word and colour. */
export function CircuitBadge({ state }: { state: BadgeState }) {
  const known = state in badgeWords ? state : "unknown";
  return (
    <span class="badge" data-state={known} title={meanings[known]}>
      <Shape state={known} />
      <span>{known === state ? badgeWords[state] : state}</span>
    </span>
  );
}

function Shape({ state }: { state: BadgeState }) {
  return (
    <svg class="shape" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      {strokes(state)}
    </svg>
  );
}

function strokes(state: BadgeState) {
  switch (state) {
    case "closed":
      return <circle cx="8" cy="8" r="6" fill="currentColor" />;
    case "open":
      return <path d="M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3z" fill="currentColor" />;
    case "forced-open":
      return (
        <path
          fill-rule="evenodd"
          d="M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3zM4 6.6v2.8h8V6.6z"
          fill="currentColor"
        />
      );
    case "half-open":
      return (
        <>
          <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="1.8" />
          <path d="M8 2.5a5.5 5.5 0 0 1 0 11z" fill="currentColor" />
        </>
      );
    case "disabled":
    case "unheard":
      return (
        <circle
          cx="8"
          cy="8"
          r="5.5"
          fill="none"
          stroke="currentColor"
          stroke-width="1.8"
          stroke-dasharray="3 2.76"
        />
      );
    case "metrics-only":
      return (
        <>
          <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="1.8" />
          <circle cx="8" cy="8" r="2" fill="currentColor" />
        </>
      );
    default:
      return <path d="M4 8h8" stroke="currentColor" stroke-width="2" />;
  }
}
