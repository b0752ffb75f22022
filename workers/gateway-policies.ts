import {
  type CircuitBreaker,
  type CircuitBreakerOptions,
  circuitBreaker,
  parse,
  type RateLimitOptions,
  rateLimit,
  type Scope,
  type SharedStore,
} from "ninelives";
import { type DocumentPolicy, documentPolicy } from "ninelives/control";
import type { FetchCall } from "ninelives/fetch";
import { defaultPolicy } from "ninelives/upstreams";

/** What a policy has that is shared with the fleet. */
export interface Shared {
  /** Its circuits by their names; their state outlives a change of the text. */
  readonly circuits: Map<string, CircuitBreaker>;
  /** The names of its rate limits. */
  readonly limits: Set<string>;
}

/** What shares a state with the fleet, under a name of its own, and what counts for its number. */
const numbered: Readonly<Record<string, "circuit" | "limit">> = {
  circuitBreaker: "circuit",
  standard: "circuit",
  rateLimit: "limit",
};

/** Makes the policies of a gateway, whose circuits and limits are one for the fleet. */
export class GatewayPolicies {
  readonly #home: SharedStore;

  /** @param home where their state lives */
  constructor(home: SharedStore) {
    this.#home = home;
  }

  /**
   * A policy whose circuits, that of `standard` too, bear its name.
   *
   * @param shared gets those that are made
   */
  document(text: string, name: string, shared: Shared): DocumentPolicy<FetchCall, Response> {
    return documentPolicy(text, {
      scope: this.scope({ circuits: new Map(), limits: new Set() }),
      making: this.scope(shared),
      label() {
        const counts = { circuit: 0, limit: 0 };
        return (policy) => {
          const kind = numbered[policy];
          if (kind === undefined) return undefined;
          counts[kind]++;
          return counts[kind] === 1 ? name : `${name}.${counts[kind]}`;
        };
      },
    });
  }

  /** What the names of a text mean here. @param shared gets what is made */
  scope({ circuits, limits }: Shared): Scope {
    const home = this.#home;
    const breaker = (options: CircuitBreakerOptions & { readonly name: string }): CircuitBreaker => {
      const made = circuitBreaker({ ...options, shared: home });
      circuits.set(made.name, made);
      return made;
    };
    return {
      circuitBreaker: breaker,
      rateLimit: (options: RateLimitOptions & { readonly name: string }) => {
        limits.add(options.name);
        return rateLimit({ ...options, shared: home });
      },
      standard: (options: { readonly name: string }) =>
        parse(defaultPolicy, { circuitBreaker: () => breaker(options) }),
      // A text can name no Response, and nothing else is an answer here.
      answer: () => refuse("answer"),
      fallback: () => refuse("fallback"),
    };
  }
}

function refuse(policy: string): never {
  throw new TypeError(`${policy} has no place in a gateway: what it answers would be no Response`);
}
