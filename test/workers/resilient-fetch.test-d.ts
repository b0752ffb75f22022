import { type ResilientInit, resilientFetch } from "ninelives/fetch";

const survives = resilientFetch();

// It stands in for the fetch of Workers, and for that of a binding.
const standIn: typeof fetch = survives;
export const binding: Pick<Fetcher, "fetch"> = { fetch: survives };

// It takes what that of Workers takes.
export const responses: Promise<Response>[] = [
  survives("https://api.test/", { cf: { cacheTtl: 5 }, resilience: { key: "tenant" } }),
  survives(new Request("https://api.test/")),
];
export const init: ResilientInit = { cf: { cacheEverything: true } };

// @ts-expect-error Fetch itself knows no resilience.
standIn("https://api.test/", { resilience: { key: "tenant" } });
// @ts-expect-error A misspelt option.
survives("https://api.test/", { resilience: { dedline: "5s" } });
