/** Headers that belong to one connection (RFC 9110, section 7.6.1), and those that the next hop sets itself. */
const hopByHop = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "host",
];

const pseudonym = "ninelives";
/** Times that one request may come by here before it is taken for a loop. */
const mostHops = 8;

/** A request's headers for the next hop, or nothing when it goes round in circles. */
export function requestHeaders(from: Headers): Headers | undefined {
  const headers = endToEnd(from);
  const via = headers.get("via");
  const hops = via?.split(",").filter((entry) => entry.trim().endsWith(pseudonym)).length ?? 0;
  if (hops >= mostHops) return undefined;
  headers.set("via", via === null ? `1.1 ${pseudonym}` : `${via}, 1.1 ${pseudonym}`);
  return headers;
}

/** A response as it is, streaming, without the headers of the connection that it came by. */
export function passOn(response: Response): Response {
  return new Response(response.body, {
    status: response.status,
    statusText: response.statusText,
    headers: endToEnd(response.headers),
  });
}

function endToEnd(from: Headers): Headers {
  const headers = new Headers(from);
  const named =
    from
      .get("connection")
      ?.split(",")
      .map((name) => name.trim()) ?? [];
  for (const name of [...hopByHop, ...named]) if (name !== "") headers.delete(name);
  return headers;
}
