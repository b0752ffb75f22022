import { known } from "../core/check.ts";
import { type Duration, milliseconds } from "../core/duration.ts";
import { oneOf } from "../core/options.ts";
import { type DeadlineDialect, deadlineHeaderNames, dialects } from "./deadline-dialects.ts";

export interface IncomingDeadlineOptions {
  /** How the time is written. Default `"plain"`. */
  readonly dialect?: DeadlineDialect;
  /** The header's name. Default that of the dialect. */
  readonly header?: string;
  /** What holds when the header asks for more, or says nothing that can be understood. Default `"30s"`. */
  readonly ceiling?: Duration;
  /** What holds when the header asks for less. Default 0: a call that has no time left is refused at once. */
  readonly least?: Duration;
}

const options = ["dialect", "header", "ceiling", "least"];
const checkDialect = oneOf("plain", "envoy", "grpc", "connect");

/**
 * Reads how long whoever sent a request will wait: the deadline of all the work that is done for it.
 *
 * Garbage is ignored, and nobody gets more than the ceiling. A caller whom you do not trust can make calls fail by
 * leaving them no time, and failures open circuits: set `least` to what a healthy call takes.
 *
 * @throws RangeError or TypeError for options that will not do; never for what the request bears
 * @example
 * const answer = (request: Request) => prices.execute(load, incomingDeadline(request, { dialect: "envoy" }));
 */
export function incomingDeadline(
  request: { readonly headers: Pick<Headers, "get"> },
  given: IncomingDeadlineOptions = {},
): { readonly deadline: number } {
  known(given, "incomingDeadline", options);
  const name = checkDialect(given.dialect ?? "plain", "incomingDeadline: dialect");
  const ceiling = milliseconds(given.ceiling ?? "30s", "incomingDeadline: ceiling");
  const least = Math.min(milliseconds(given.least ?? 0, "incomingDeadline: least"), ceiling);
  const text = request.headers.get(given.header ?? deadlineHeaderNames[name])?.trim() ?? "";
  const asked = dialects[name].read(text) ?? ceiling;
  return { deadline: Math.min(Math.max(asked, least), ceiling) };
}
