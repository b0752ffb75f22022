import { urlOf } from "./origins.ts";
import { requestOf } from "./repeatable.ts";
import type { FetchCall } from "./resilient-fetch.ts";
import { headersOf } from "./with-headers.ts";

/** Options of a request that decide what comes back, with what a Request says where none was given. */
const deciding: Readonly<Record<string, string>> = {
  cache: "default",
  credentials: "same-origin",
  integrity: "",
  mode: "cors",
  redirect: "follow",
  referrer: "about:client",
  referrerPolicy: "",
};
/** What decides nothing, or is looked at apart. */
const others = "headers method body signal keepalive priority duplex window resilience".split(" ");

/** All that a GET asks for as one text; undefined for what is no GET, and for one with an option that is not known. */
export function nameOfGet(call: FetchCall, ignored: ReadonlySet<string>): string | undefined {
  const request = requestOf(call);
  const init: RequestInit = call.init ?? {};
  const url = urlOf(call);
  const isGet = (init.method ?? request?.method ?? "GET").toUpperCase() === "GET";
  const isKnown = Object.keys(init).every((key) => others.includes(key) || Object.hasOwn(deciding, key));
  if (!isGet || !isKnown || url === undefined) return undefined;
  const headers = [...headersOf(call)].filter(([name]) => !ignored.has(name));
  url.hash = "";
  // Not every runtime, and not its types either, has all of them.
  const [given, own] = [init, request ?? {}] as Readonly<Record<string, unknown>>[];
  const asked = Object.entries(deciding).map(([key, usual]) => String(given?.[key] ?? own?.[key] ?? usual));
  return JSON.stringify([url.href, headers, asked]);
}
