import { known, rank } from "../core/check.ts";

export interface IncomingPriorityOptions {
  /** The header's name. Default `"priority"`. */
  readonly header?: string;
  /** What holds when the header asks for more: 0 lets callers whom you do not trust only step back. Default no bound. */
  readonly most?: number;
}

/** The urgency of a request that names none. */
const usual = 3;
/** The member `u` of a dictionary, with parameters or without. */
const urgency = /(?:^|,)[ \t]*u=([0-7])[ \t]*(?:;[^,]*)?(?=,|$)/g;

/**
 * Reads how urgent a request is to whoever sent it (RFC 9218): `u=0` goes first and `u=7` last.
 *
 * The priority is 3 for `u=0`, 0 for `u=3`, which is also that of a request without the header, and -4 for `u=7`. Garbage
 * is ignored. Everybody can write the header: where there is not enough for all, whom do you want to believe?
 *
 * @throws RangeError or TypeError for options that will not do; never for what the request bears
 * @example
 * const answer = (request: Request) => prices.execute(load, incomingPriority(request, { most: 0 }));
 */
export function incomingPriority(
  request: { readonly headers: Pick<Headers, "get"> },
  options: IncomingPriorityOptions = {},
): { readonly priority: number } {
  known(options, "incomingPriority", ["header", "most"]);
  const { header = "priority", most = usual } = options;
  rank(most, "incomingPriority: most");
  const text = request.headers.get(header) ?? "";
  // Of a member that comes twice the last one counts (RFC 9651, section 4.2.2).
  const named = [...text.matchAll(urgency)].at(-1)?.[1];
  return { priority: Math.min(usual - Number(named ?? usual), most) };
}
