import { requestOf } from "./repeatable.ts";
import type { FetchCall } from "./resilient-fetch.ts";

/** The headers that a call sends, as far as its caller decides. The Headers are the caller's own: not to be changed. */
export function headersOf(call: FetchCall): Headers {
  const given = call.init?.headers ?? requestOf(call)?.headers;
  return given instanceof Headers ? given : new Headers(given);
}

/** The same call with other headers; what the caller gave stays as it is. */
export function withHeaders(call: FetchCall, change: (headers: Headers) => void): FetchCall {
  const headers = new Headers(headersOf(call));
  change(headers);
  return { ...call, init: { ...call.init, headers } };
}
