import type { EnvironmentOptions, Policy } from "ninelives";
import { type FetchCall, type ResilientInit, resilientFetch } from "ninelives/fetch";
import { ManualClock, type RecordingSink, recordingSink } from "ninelives/testing";

/** A request as the origin saw it, which the test answers. */
export interface Received {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly signal: AbortSignal | null | undefined;
  succeed(response: Response): void;
  fail(error: unknown): void;
}

export interface FetchStage {
  readonly clock: ManualClock;
  readonly sink: RecordingSink;
  readonly received: readonly Received[];
  fetch(input: FetchCall["input"], init?: ResilientInit): Promise<Response>;
  /** Answers the next requests at once; a number is a status, whose body is its digits. */
  script(...answers: (number | (() => Response))[]): void;
}

/** A resilient fetch with a policy, over an origin that the test plays, on a clock that it advances. */
export function fetchStage(
  policy: Policy<FetchCall, Response>,
  environment: Partial<EnvironmentOptions> = {},
): FetchStage {
  const clock = new ManualClock();
  const sink = recordingSink();
  const received: Received[] = [];
  const answers: (() => Response)[] = [];
  const origin = (input: FetchCall["input"], init: RequestInit = {}) =>
    new Promise<Response>((succeed, fail) => {
      const { signal } = init;
      const request = input instanceof Request ? input : undefined;
      received.push({
        url: String(request?.url ?? input),
        method: init.method ?? request?.method ?? "GET",
        headers: new Headers(init.headers ?? request?.headers),
        signal,
        succeed,
        fail,
      });
      signal?.addEventListener("abort", () => fail(signal.reason));
      const answer = answers.shift();
      if (answer !== undefined) succeed(answer());
    });
  return {
    clock,
    sink,
    received,
    fetch: resilientFetch({
      policy,
      fetch: origin as typeof globalThis.fetch,
      environment: { clock, sink, random: () => 0.5, ...environment },
    }),
    script: (...more) => {
      for (const each of more) {
        answers.push(typeof each === "number" ? () => new Response(`${each}`, { status: each }) : each);
      }
    },
  };
}
