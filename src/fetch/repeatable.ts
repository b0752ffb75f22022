import type { FetchCall } from "./resilient-fetch.ts";

/** RFC 9110, section 9.2.1. */
const safe = ["GET", "HEAD", "OPTIONS", "TRACE"];
const idempotent = [...safe, "PUT", "DELETE"];

/** Whether requests by this method change nothing. Source: RFC 9110, section 9.2.1. */
export function isSafe(method: string): boolean {
  return safe.includes(method);
}

/** Whether many requests by this method do what one does. Source: RFC 9110, section 9.2.2. */
export function isIdempotent(method: string): boolean {
  return idempotent.includes(method);
}

/** By its shape, as a Request of another realm is of another class. */
export function isRequest(value: unknown): value is Request {
  return typeof value === "object" && value !== null && "bodyUsed" in value;
}

/** The Request that a call was made with. */
export function requestOf({ input }: FetchCall): Request | undefined {
  return isRequest(input) ? input : undefined;
}

export function methodOf(call: FetchCall): string {
  const method = call.init?.method ?? requestOf(call)?.method;
  return method === undefined ? "GET" : `${method}`.toUpperCase();
}

/** Whether headers are a plain object, which costs least to read and to copy. */
export function isRecord(headers: object): headers is Record<string, string> {
  return Object.getPrototypeOf(headers) === Object.prototype;
}

/** A header that the caller gave, by its name in lower case. */
export function headerOf(call: FetchCall, name: string): string | undefined {
  const given = call.init?.headers ?? requestOf(call)?.headers;
  if (given === undefined) return undefined;
  if (!isRecord(given)) {
    return (given instanceof Headers ? given : new Headers(given)).get(name) ?? undefined;
  }
  for (const key in given) if (key.toLowerCase() === name) return given[key];
  return undefined;
}

/** Whether the body is gone when it has been sent: a stream, or what Node iterates but once. */
export function isStream(body: unknown): boolean {
  return body instanceof ReadableStream || (typeof body === "object" && Symbol.asyncIterator in Object(body));
}

/** Whether the body, if there is one, can be sent again. */
export function canReplay(call: FetchCall): boolean {
  const body = call.init?.body ?? undefined;
  if (body !== undefined) return !isStream(body);
  const request = requestOf(call);
  // Firefox does not show the body of a Request, and no method but these goes without one for certain.
  return request === undefined || request.body === null || /^(?:GET|HEAD)$/.test(request.method);
}

/** Whether sending the request twice does what sending it once does: by its method, by its key, or as its caller says. */
export function mayRepeat(call: FetchCall, method: string = methodOf(call)): boolean {
  return call.repeatable ?? (isIdempotent(method) || headerOf(call, "idempotency-key") !== undefined);
}
