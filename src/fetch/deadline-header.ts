import type { Tunable } from "../core/adaptive.ts";
import type { Context } from "../core/context.ts";
import type { Duration } from "../core/duration.ts";
import { as, duration, oneOf, settings, type Table } from "../core/options.ts";
import { definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import { type DeadlineDialect, deadlineHeaderNames, dialects } from "./deadline-dialects.ts";
import { type Origins, originCheck, urlOf } from "./origins.ts";
import type { FetchCall } from "./resilient-fetch.ts";
import { withHeaders } from "./with-headers.ts";

export interface DeadlineHeaderOptions {
  /** How the time is written. Default `"plain"`. */
  readonly dialect?: DeadlineDialect;
  /** The header's name. Default that of the dialect. */
  readonly header?: string;
  /** Which origins are told, beside the page's own. Default none. */
  readonly origins?: Origins;
  /** How much less than is left is told, for the way there and back. Default 0. */
  readonly margin?: Tunable<Duration>;
}

const table = {
  dialect: { check: oneOf("plain", "envoy", "grpc", "connect"), initial: "plain", fixed: true, named: true },
  header: { check: as<string>(), fixed: true },
  origins: { check: originCheck, initial: [], fixed: true },
  margin: { check: duration, initial: 0 },
} as const;

/** @internal The options of `deadlineHeader`, for tools. */
export const deadlineHeaderOptions: Table = table;

/**
 * Tells the server how many milliseconds are left, so that it does not work on what nobody waits for any more.
 *
 * Stands innermost, inside retry and timeouts: what is left is measured at each attempt, against the deadline of the call
 * and of every timeout around. A call without either tells nothing. A header that the request bears already is replaced
 * unless it says less. In a page it makes other origins' servers answer a preflight.
 *
 * @throws TypeError for a dialect or an origin that is none, or a header that could not be sent
 * @example
 * const policy = compose(standard(), deadlineHeader({ dialect: "grpc", origins: "https://api.example.com" }));
 */
export function deadlineHeader(options: DeadlineHeaderOptions = {}): Policy<FetchCall, Response> {
  const { read, recipe } = settings("deadlineHeader", options, table);
  const name = options.dialect ?? "plain";
  const dialect = dialects[name];
  const header = options.header ?? deadlineHeaderNames[name];
  // Refuses now what could not be sent.
  new Headers().set(header, "1");
  const listed = originCheck(options.origins ?? [], "deadlineHeader: origins");
  return definePolicyFor<FetchCall, Response>(recipe, (next: Service<FetchCall, Response>) => {
    return function deadlineHeader(call: FetchCall, context: Context): Promise<Response> {
      if (context.deadline === Infinity || !listed(urlOf(call)?.origin ?? "")) return next(call, context);
      // Zero may mean "without end": who is asked in the last moment has one millisecond.
      const left = Math.max(1, context.remaining() - read.margin(context));
      const told = withHeaders(call, (headers) => {
        const before = dialect.read(headers.get(header) ?? "");
        if (before === undefined || before === 0 || before > left) headers.set(header, dialect.write(left));
      });
      return next(told, context);
    };
  });
}
