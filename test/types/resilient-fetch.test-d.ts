import { answer, circuitBreaker, compose, type Policy, retry } from "ninelives";
import {
  idempotencyKey,
  perOrigin,
  type ResilientFetch,
  type ResilientInit,
  resilientFetch,
} from "ninelives/fetch";

const survives = resilientFetch();

// It stands in for fetch wherever one is wanted.
const standIn: typeof fetch = survives;
globalThis.fetch = survives;
resilientFetch({ fetch: survives });

// It takes what fetch takes, and resilience.
const responses: Promise<Response>[] = [
  survives("/prices"),
  survives(new URL("https://api.test/"), { method: "PUT", body: "5" }),
  survives(new Request("https://api.test/"), { signal: null, resilience: { deadline: "5s", key: "tenant" } }),
  survives("/prices", { resilience: { repeatable: false, concurrent: false } }),
];
const init: ResilientInit = { method: "POST", resilience: { repeatable: true } };

// @ts-expect-error Fetch itself knows no resilience.
standIn("/prices", { resilience: { key: "tenant" } });
// @ts-expect-error A misspelt option.
survives("/prices", { resilience: { dedline: "5s" } });
// @ts-expect-error No duration.
survives("/prices", { resilience: { deadline: "soon" } });
// @ts-expect-error The signal of a call is that of its init.
survives("/prices", { resilience: { signal: new AbortController().signal } });
// @ts-expect-error A misspelt field of fetch's own.
survives("/prices", { metod: "POST" });
// @ts-expect-error No URL.
survives(5);

const texts: Policy<unknown, string> = answer("text");

resilientFetch({ policy: compose(idempotencyKey(), perOrigin(), retry()) });
resilientFetch({ policy: ({ init }) => (init?.method === "POST" ? retry() : circuitBreaker()) });
// @ts-expect-error Fetch answers with Responses, and this policy with texts.
resilientFetch({ policy: texts });
// @ts-expect-error A function that chooses no policy.
resilientFetch({ policy: () => "retry" });
// @ts-expect-error What frees a Response is known.
resilientFetch({ environment: { discard: () => {} } });
// @ts-expect-error A misspelt option.
resilientFetch({ polcy: retry() });
// @ts-expect-error A policy of fetch goes around no query.
perOrigin().wrap(async (query: { sql: string }) => query.sql);

const kept: ResilientFetch = survives;
export const all = [responses, init, kept];
