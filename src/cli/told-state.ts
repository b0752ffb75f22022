import type { LiveMessage } from "../observer/live.ts";
import { isAbsent } from "../observer/shards.ts";
import type { PolicyState, SystemState } from "../observer/system-state.ts";

/** The state once a message has come, with what absent shards told last; undefined until there was a snapshot. */
export function stateAfter(state: SystemState | undefined, message: LiveMessage): SystemState | undefined {
  if (message.type === "snapshot") {
    const lost = (state?.policies ?? []).filter(({ policy }) => isAbsent(policy, message.state.absent));
    return { ...message.state, policies: merged(lost, message.state.policies) };
  }
  if (state === undefined) return undefined;
  const { at, totals, policies, forgotten = [], alerts, gaps, absent } = message;
  const { absent: _, ...before } = state;
  return {
    ...before,
    at,
    ...totals,
    policies: merged(
      state.policies.filter(({ policy }) => !forgotten.includes(policy)),
      policies,
    ),
    ...(alerts && { alerts }),
    ...(gaps && { gaps }),
    ...(absent && { absent }),
  };
}

function merged(before: readonly PolicyState[], after: readonly PolicyState[]): PolicyState[] {
  return [...new Map([...before, ...after].map((policy) => [policy.policy, policy])).values()];
}

/** The state without what nobody can tell now, as `/v1/state` has it. */
export function toldIn(state: SystemState): SystemState {
  return { ...state, policies: state.policies.filter(({ policy }) => !isAbsent(policy, state.absent)) };
}
