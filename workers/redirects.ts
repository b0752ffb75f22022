import { targetOf } from "ninelives/upstreams";

/** Redirects that one request is led through before the next one goes to the caller. */
const mostRedirects = 5;
const statuses: readonly number[] = [301, 302, 303, 307, 308];

/** A place where requests may go, and nothing beside it. */
export interface Place {
  readonly url: URL | undefined;
  readonly path: string;
}

/**
 * Follows the redirects of an answer as long as they stay in the place that was asked: its origin, below its path.
 *
 * Each is checked anew. One that leads elsewhere, and one too many, are the answer, which the caller may follow.
 *
 * @param send asks for a URL again, by the same method and without a body
 */
export async function followed(
  first: Response,
  asked: URL,
  place: Place,
  send: (url: string) => Promise<Response>,
): Promise<Response> {
  let response = first;
  let url = asked;
  for (let count = 0; count < mostRedirects; count++) {
    const next = nextOf(response, url, place);
    if (next === undefined) return response;
    await response.body?.cancel();
    url = next;
    response = await send(url.href);
  }
  return response;
}

function nextOf({ status, headers }: Response, url: URL, { url: base, path }: Place): URL | undefined {
  const location = headers.get("location");
  if (!statuses.includes(status) || location === null || !URL.canParse(location, url.href)) return undefined;
  const { origin, pathname, search } = new URL(location, url);
  const prefix = (base?.pathname.replace(/\/$/, "") ?? "") + path;
  if (origin !== url.origin || (pathname !== prefix && !pathname.startsWith(`${prefix}/`))) return undefined;
  const inside = { name: "redirect", url: new URL(origin + prefix), service: undefined, path: "" };
  return targetOf(inside, pathname.slice(prefix.length) || "/", search);
}
