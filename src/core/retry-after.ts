/** Milliseconds: nobody is made to wait longer than a day by a header. */
export const longestWait = 86_400_000;

/** IMF-fixdate, RFC 850's date and asctime's; more lenient parsers find a date in nearly anything. */
const dates =
  /^[a-z]{3}, \d\d [a-z]{3} \d{4} [\d:]{8} gmt$|^[a-z]{6,9}, \d\d-[a-z]{3}-\d\d [\d:]{8} gmt$|^[a-z]{3} [a-z]{3} [ \d]\d [\d:]{8} \d{4}$/i;

/**
 * Reads a `Retry-After` header: seconds, or a date in any of HTTP's three forms.
 *
 * @param now milliseconds since 1970, by the clock that the date is compared with
 * @returns milliseconds from 0 to a day, or nothing for what is neither
 * Source: RFC 9110, sections 10.2.3 and 5.6.7.
 */
export function parseRetryAfter(value: string | null, now: number): number | undefined {
  const text = value?.trim() ?? "";
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1_000, longestWait);
  if (!dates.test(text)) return undefined;
  // asctime names no zone, and means GMT.
  // biome-ignore lint/style/noRestrictedGlobals: it reads a text, and no clock
  const date = Date.parse(/gmt$/i.test(text) ? text : `${text} GMT`);
  return Number.isNaN(date) ? undefined : Math.min(Math.max(0, date - now), longestWait);
}

/**
 * How long a response asks to wait, in milliseconds.
 *
 * Its date is compared with the server's own clock (`Date`), where that is to be seen, and else with ours.
 */
export function retryAfterOf(
  { headers }: Pick<Response, "headers">,
  clock: { wall(): number },
): number | undefined {
  return parseRetryAfter(headers.get("retry-after"), serverTime(headers, clock));
}

/** Milliseconds since 1970 when a response was made. */
export function serverTime(headers: Pick<Headers, "get">, clock: { wall(): number }): number {
  // biome-ignore lint/style/noRestrictedGlobals: it reads a text, and no clock
  const date = Date.parse(headers.get("date") ?? "");
  return Number.isNaN(date) ? clock.wall() : date;
}
