/** Headers that belong to one connection (RFC 9110, section 7.6.1), and those that the next hop sets itself. */
const hopByHop = [
  "connection",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/**
 * Headers that say who asks, from where, of whom or for which path, as proxies do: anybody can write them, and some upstream
 * believes each. A star stands for anything. `CDN-Loop` is none of them, as RFC 8586 wants it.
 */
export const claims = [
  "cf-*",
  "client-ip",
  "cluster-client-ip",
  "fastly-client-ip",
  "forwarded",
  "forwarded-*",
  "front-end-https",
  // To CGI, the address of a proxy for what the upstream fetches itself: https://httpoxy.org
  "proxy",
  "proxy-client-ip",
  "real-ip",
  "remote-addr",
  "remote-host",
  "remote-ip",
  "remote-user",
  "true-client-ip",
  "wl-proxy-client-ip",
  "x-azure-clientip",
  "x-azure-socketip",
  "x-backend-host",
  "x-backend-server",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-envoy-*",
  "x-forward-for",
  "x-forwarded",
  "x-forwarded-*",
  "x-host",
  "x-http-host-override",
  "x-ninelives-*",
  "x-original-forwarded-*",
  "x-original-host",
  "x-original-method",
  "x-original-path",
  "x-original-remote-addr",
  "x-original-uri",
  "x-original-url",
  "x-originating-ip",
  "x-proxyuser-ip",
  "x-real-ip",
  "x-remote-addr",
  "x-remote-host",
  "x-remote-ip",
  "x-remote-user",
  "x-rewrite-uri",
  "x-rewrite-url",
  "x-scheme",
  "x-script-name",
  "x-true-client-ip",
  "x-true-ip",
  "x-url-scheme",
] as const;

/** One expression, since it is asked for every header of every request; the names are sorted, so that it shares beginnings. */
const dropped = new RegExp(`^(?:${[...hopByHop, ...claims].sort().join("|").replaceAll("*", ".*")})$`);

/** Whether a header of a request stays here: the next hop gets its own, or none. */
export const isDropped = (name: string): boolean => dropped.test(name);
