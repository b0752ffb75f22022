import {
  type CircuitBreaker,
  type CircuitBreakerOptions,
  circuitBreaker,
  type EventSink,
  type PolicyEvent,
  parse,
  type SharedStore,
} from "ninelives";
import { type FetchCall, resilientFetch } from "ninelives/fetch";
import { multicast } from "ninelives/telemetry";
import type { Resource } from "../wire.ts";
import { type Kept, keep, recall } from "./last-known.ts";

/** How the page calls the gateway, for each resource. It is shown on the page as it stands here. */
export const text = `
timeout(4s)
+ retry(2, backoff: exponential(100ms))
+ circuitBreaker(consecutiveFailures: 3, openFor: 4s, maximumOpenFor: 6s)
+ timeout(3s)
| answer(kept)
`.trim();

export interface ShelfOptions {
  readonly resource: Resource;
  /** The home of circuits that all tabs share. */
  readonly tabs: SharedStore;
  readonly sink: EventSink;
}

/** One resource as the page sees it: what is shown, how fresh it is, and how its calls fare. */
export class Shelf<T> {
  readonly resource: Resource;
  readonly circuit: CircuitBreaker;
  kept: Kept<T> | undefined;
  /** Whether the last load brought what is shown; not known before the first one ended. */
  fresh: boolean | undefined;
  /** Calls that went out to the gateway, repeated ones included. */
  sent = 0;
  /** Calls that the page's circuit refused. */
  refused = 0;
  /** When the next try makes sense, by `Date.now()`. */
  pausedUntil = 0;
  readonly #fetch: typeof fetch;

  constructor({ resource, tabs, sink }: ShelfOptions) {
    this.resource = resource;
    this.kept = recall(resource);
    const name = `page.${resource}`;
    const circuits: CircuitBreaker[] = [];
    const policy = parse<FetchCall, Response>(text, {
      // The text's own circuit, with what a text cannot know.
      circuitBreaker: (rules: CircuitBreakerOptions) => {
        const circuit = circuitBreaker({ ...rules, name, shared: tabs });
        circuits.push(circuit);
        return circuit;
      },
      kept: () => this.#answerKept(),
    });
    this.circuit = circuits[0] as CircuitBreaker;
    this.#fetch = resilientFetch({
      policy,
      environment: { name, sink: multicast(sink, { emit: (event) => this.#hear(event) }) },
      fetch: (input, init) => this.#send(input, init),
    });
  }

  /** Loads what is on offer now; what goes wrong shows in `fresh`. */
  async load(): Promise<void> {
    try {
      const response = await this.#fetch(`/gateway/${this.resource}`);
      if (!response.ok) throw new Error(`the gateway answered ${response.status}`);
      const items = (await response.json()) as readonly T[];
      this.fresh = !response.headers.has("x-kept");
      if (!this.fresh) return;
      this.kept = { at: Date.now(), items };
      this.pausedUntil = 0;
      keep(this.resource, this.kept);
    } catch {
      this.fresh = false;
    }
  }

  async #send(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    this.sent++;
    const response = await fetch(input, init);
    const seconds = Number(response.headers.get("retry-after") ?? 0);
    if (seconds > 0) this.#pause(seconds * 1000);
    return response;
  }

  #answerKept(): Response {
    // Another tab may have heard later than this one.
    const latest = recall<T>(this.resource);
    if (latest !== undefined && latest.at > (this.kept?.at ?? 0)) this.kept = latest;
    if (this.kept === undefined) throw new Error(`no ${this.resource} were kept`);
    return Response.json(this.kept.items, { headers: { "x-kept": "true" } });
  }

  #hear(event: PolicyEvent): void {
    if (event.type === "circuit.rejected") {
      this.refused++;
      this.#pause(event.retryAfter ?? 0);
    } else if (event.type === "circuit.opened") {
      this.#pause(event.openFor ?? 0);
    }
  }

  #pause(ms: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, Date.now() + ms);
  }
}
