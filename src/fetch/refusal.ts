import { isStream, requestOf } from "./repeatable.ts";
import type { FetchCall } from "./resilient-fetch.ts";

/**
 * Whether `fetch` refuses a call for what it is, whatever the network does: a bad URL, header, method or mode.
 *
 * Browsers throw one and the same TypeError for this and for a connection that broke. So the call is asked itself: what
 * `fetch` refuses is what `new Request` refuses, without its body, which may be gone by now. What goes over no network
 * (`data:`, `blob:`) fails for good as well.
 *
 * @param absolute whether it is known that what is sent needs an absolute URL, as the platform's `fetch` does in Node
 */
export function isRefused(call: FetchCall, absolute: boolean): boolean {
  const { input, init } = call;
  const request = requestOf(call);
  const { body, duplex, ...rest } = (init ?? {}) as RequestInit & { readonly duplex?: unknown };
  if (isStream(body) && duplex === undefined) return true;
  try {
    const url = request?.url ?? String(input);
    const sent = new Request(absolute || URL.canParse(url) ? url : "https://relative.invalid", {
      method: request?.method ?? "GET",
      ...rest,
      ...(body != null && { body: "" }),
      signal: null,
    });
    return !/^https?:/.test(sent.url);
  } catch {
    return true;
  }
}
