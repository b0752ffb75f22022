import type { Trace } from "../core/call.ts";

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const sampledFlag = 1;
const randomFlag = 2;

/**
 * Reads where a request stands in a trace, from its `traceparent` and `tracestate`.
 *
 * What is malformed, has an id of zeros or the version ff is no trace. Of a later version than 00 the fields of 00 are
 * read. Hand it to a call as `trace`, so that all it does belongs there.
 *
 * Source: W3C Trace Context, sections 3.2 and 4.3.
 *
 * @example
 * const answer = (request: Request) => prices.execute(load, { trace: incomingTrace(request) });
 */
export function incomingTrace({ headers }: { readonly headers: Pick<Headers, "get"> }): Trace | undefined {
  const match = form.exec(headers.get("traceparent")?.trim() ?? "");
  if (match === null) return undefined;
  const [, version, traceId = "", spanId = "", flags = "", more] = match;
  const isVersion = version === "00" ? more === undefined : version !== "ff";
  if (!isVersion || isZero(traceId) || isZero(spanId)) return undefined;
  const bits = Number.parseInt(flags, 16);
  return {
    traceId,
    spanId,
    sampled: (bits & sampledFlag) !== 0,
    random: (bits & randomFlag) !== 0,
    state: headers.get("tracestate") ?? undefined,
  };
}

/** The `traceparent` of version 00 for a span. */
export function traceparent({ traceId, sampled, random }: Trace, spanId: string): string {
  const bits = (sampled ? sampledFlag : 0) | (random === true ? randomFlag : 0);
  return `00-${traceId}-${spanId}-0${bits}`;
}

/** Whether an id has only zeros, which no id may. */
export function isZero(id: string): boolean {
  return /^0+$/.test(id);
}
