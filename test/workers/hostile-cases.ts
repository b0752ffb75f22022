import { sha256 } from "ninelives/control";

/** The ingest key that the Worker knows. */
export const ingestKey = "ingest-key";

/** What a case needs of its scene: an issuer that signs what it is told to. */
export interface Signing {
  jwt(claims?: object, header?: object): Promise<string>;
}

/** The arguments of a command that opens a tenant's circuit. */
export const open = '{"circuit":"acme-prices"}';
/** Arguments that name what a tenant might have, and has not. */
const none = (field: string) => `{"${field}":"acme-none"}`;
const unread = '{"name":"acme-none","text":"retry(2)","version":0}';
/** Stands in the names of what no tenant may hear of. */
export const secretName = "merger";
const seconds = () => Math.floor(Date.now() / 1_000);

/** What is tried, with which token, command and body, and the answer that it gets. */
export const cases: readonly (readonly [
  string,
  (scene: Signing) => string | Promise<string>,
  string,
  string,
  number,
  string,
])[] = [
  ["a wrong token", () => "wrong", "circuit.open", open, 401, "unauthenticated"],
  ["the hash of a token", () => sha256("acme-token"), "circuit.open", open, 401, "unauthenticated"],
  ["an ingest key", () => ingestKey, "circuit.open", open, 401, "unauthenticated"],
  ["an expired JWT", ({ jwt }) => jwt({ exp: seconds() - 60 }), "circuit.open", open, 401, "unauthenticated"],
  [
    "a JWT of the future",
    ({ jwt }) => jwt({ nbf: seconds() + 90 }),
    "circuit.open",
    open,
    401,
    "unauthenticated",
  ],
  ["a JWT for another", ({ jwt }) => jwt({ aud: "shop" }), "circuit.open", open, 401, "unauthenticated"],
  ["alg none", ({ jwt }) => jwt({}, { alg: "none" }), "circuit.open", open, 401, "unauthenticated"],
  ["another alg", ({ jwt }) => jwt({}, { alg: "HS256" }), "circuit.open", open, 401, "unauthenticated"],
  ["an unknown key", ({ jwt }) => jwt({}, { kid: "two" }), "circuit.open", open, 401, "unauthenticated"],
  ["another scope", () => "opener-token", "circuit.close", open, 403, "forbidden"],
  ["a JWT of another scope", ({ jwt }) => jwt({ scope: "read" }), "circuit.open", open, 403, "forbidden"],
  ["another tenant's circuit", () => "acme-token", "circuit.open", '{"circuit":"other"}', 403, "forbidden"],
  ["another tenant's policy", () => "acme-token", "policy.get", '{"name":"other"}', 403, "forbidden"],
  [
    "another tenant's parameter",
    () => "acme-token",
    "parameter.write",
    '{"path":"other/retry.attempts","value":9}',
    403,
    "forbidden",
  ],
  ["another tenant's state", () => "acme-token", "state", '{"name":"other"}', 403, "forbidden"],
  // What is there instead is told, and what is another tenant's is not.
  ["a policy that is not there", () => "acme-token", "policy.get", none("name"), 404, "not-found"],
  ["a change of none", () => "acme-token", "policy.set", unread, 404, "not-found"],
  ["a parameter of none", () => "acme-token", "parameter.read", '{"path":"acme-none/a"}', 404, "not-found"],
  ["a circuit that is not there", () => "acme-token", "circuit.open", none("circuit"), 404, "not-found"],
  ["a limit that is not there", () => "acme-token", "limiter.reset", none("limiter"), 404, "not-found"],
  ["weights that are not there", () => "acme-token", "weight.get", none("upstream"), 404, "not-found"],
  ["settings that are not there", () => "acme-token", "upstream.get", none("upstream"), 404, "not-found"],
  ["the state of nothing", () => "acme-token", "state", none("name"), 404, "not-found"],
  ["a tenant who wants all", () => "acme-token", "control.snapshot", "{}", 403, "forbidden"],
  ["no JSON", () => "acme-token", "circuit.open", "{", 400, "bad-json"],
  ["a list", () => "acme-token", "circuit.open", "[]", 422, "invalid-arguments"],
  [
    "__proto__",
    () => "acme-token",
    "circuit.open",
    '{"__proto__":{"circuit":"other"}}',
    422,
    "invalid-arguments",
  ],
  ["constructor", () => "acme-token", "circuit.open", '{"constructor":1}', 422, "invalid-arguments"],
  [
    "deep nesting",
    () => "acme-token",
    "circuit.open",
    `${'{"a":'.repeat(9_000)}1${"}".repeat(9_000)}`,
    422,
    "invalid-arguments",
  ],
  [
    "too much",
    () => "acme-token",
    "circuit.open",
    `{"circuit":"${"x".repeat(70_000)}"}`,
    413,
    "command-too-large",
  ],
  ["a name of Object's", () => "acme-token", "toString", "{}", 404, "unknown-command"],
];

const bearing = { cookie: "session=acme-token; token=acme-token" };

/** What a page of another site has its visitor's browser send, and the answer that it gets. */
export const crossSite: readonly (readonly [string, string, string, Record<string, string>, number])[] = [
  [
    "a form, with cookies",
    "POST",
    "/v1/commands/circuit.open",
    { ...bearing, "content-type": "application/x-www-form-urlencoded" },
    401,
  ],
  [
    "a body of plain text, which needs no preflight",
    "POST",
    "/v1/commands/circuit.open",
    { ...bearing, "content-type": "text/plain" },
    401,
  ],
  [
    "a password that the browser remembers",
    "POST",
    "/v1/commands/circuit.open",
    { authorization: "Basic YWNtZTphY21lLXRva2Vu" },
    401,
  ],
  ["a preflight for a command", "OPTIONS", "/v1/commands", { "access-control-request-method": "POST" }, 405],
  ["a preflight for the audit log", "OPTIONS", "/v1/audit", { "access-control-request-method": "GET" }, 405],
  [
    "a preflight for a member",
    "OPTIONS",
    "/v1/registry/acme-prices/a",
    { "access-control-request-method": "PUT" },
    404,
  ],
  ["a script's address", "GET", "/v1/state", bearing, 401],
  ["a token in the address", "GET", "/v1/audit?token=acme-token&access_token=acme-token", {}, 401],
  ["a WebSocket, with cookies", "GET", "/v1/live", { ...bearing, upgrade: "websocket" }, 401],
  ["a WebSocket for the documents", "GET", "/v1/policies", { ...bearing, upgrade: "websocket" }, 401],
  ["a WebSocket for a circuit", "GET", "/v1/shared/acme-prices", { ...bearing, upgrade: "websocket" }, 401],
  ["a batch of events", "POST", "/v1/events", { ...bearing, "content-type": "text/plain" }, 401],
];

/** Where an upstream's own path begins. */
const inside = "http://prices.upstream/v2";

/** What is written behind `/gateway/prices`, and what is asked for, which is under that path, or how it is refused. */
export const gatewayPaths: readonly (readonly [string, string | number])[] = [
  ["//evil.test/a", `${inside}//evil.test/a`],
  ["/https://evil.test/", `${inside}/https://evil.test/`],
  ["/@evil.test/", `${inside}/@evil.test/`],
  ["/x@evil.test:80/", `${inside}/x@evil.test:80/`],
  ["/%40evil.test", `${inside}/%40evil.test`],
  ["/:80/", `${inside}/:80/`],
  ["/\\\\evil.test", `${inside}///evil.test`],
  ["/%5C%5Cevil.test", `${inside}/%5C%5Cevil.test`],
  ["/%2f%2fevil.test", `${inside}/%2f%2fevil.test`],
  ["/a%0d%0ahost:evil.test", `${inside}/a%0d%0ahost:evil.test`],
  ["/a%00b", `${inside}/a%00b`],
  ["/?url=http://169.254.169.254/", `${inside}?url=http://169.254.169.254/`],
  ["/..?x=1", 404],
  ["?@evil.test", `${inside}?@evil.test`],
  ["/.%2e/%2e./admin", 404],
  ["/a/..;/admin", 400],
  ["/a/%2e%2e%2fadmin", 400],
  ["/..%5cadmin", 400],
  ["/%2e%2e%5cadmin", 400],
  ["/..%2f..%2f..%2fetc%2fpasswd", 400],
  ["/a/%2E%2E;jsession=1/admin", 400],
];

/** What is asked of nobody: a 404. */
export const strangeHosts: readonly string[] = [
  "/gateway/evil.test/",
  "/gateway/http:%2f%2fevil.test/",
  "/gateway/..%2fprices/",
  "/gateway/prices.evil.test/",
];

/** Where upstreams redirect to: the caller gets the redirect, and the gateway goes nowhere. */
export const redirects: readonly string[] = [
  "http://169.254.169.254/",
  "//evil.test/",
  "https://prices.upstream@evil.test/",
  "/\\evil.test",
];

/** What a caller says in a header, and what of it reaches the upstream. */
export const lyingHeaders: readonly (readonly [string, string, string | undefined])[] = [
  ["host", "evil.test", undefined],
  ["forwarded", "for=10.0.0.1;host=evil.test", undefined],
  ["forwarded-for", "10.0.0.1", undefined],
  ["x-forwarded", "for=10.0.0.1", undefined],
  ["x-forwarded-for", "10.0.0.1", undefined],
  ["x-forwarded-host", "evil.test", "edge.test"],
  ["x-forwarded-proto", "http", "https"],
  ["x-forwarded-port", "22", undefined],
  ["x-forwarded-prefix", "/admin", undefined],
  ["x-forwarded-server", "evil.test", undefined],
  ["x-forwarded-user", "admin", undefined],
  ["x-forwarded-anything", "1", undefined],
  ["x-forward-for", "10.0.0.1", undefined],
  ["client-ip", "10.0.0.1", undefined],
  ["cluster-client-ip", "10.0.0.1", undefined],
  ["fastly-client-ip", "10.0.0.1", undefined],
  ["proxy-client-ip", "10.0.0.1", undefined],
  ["true-client-ip", "10.0.0.1", undefined],
  ["wl-proxy-client-ip", "10.0.0.1", undefined],
  ["x-client-ip", "10.0.0.1", undefined],
  ["x-cluster-client-ip", "10.0.0.1", undefined],
  ["x-true-client-ip", "10.0.0.1", undefined],
  ["x-azure-clientip", "10.0.0.1", undefined],
  ["x-azure-socketip", "10.0.0.1", undefined],
  ["x-proxyuser-ip", "10.0.0.1", undefined],
  ["x-originating-ip", "10.0.0.1", undefined],
  ["real-ip", "10.0.0.1", undefined],
  ["x-real-ip", "10.0.0.1", undefined],
  ["x-true-ip", "10.0.0.1", undefined],
  ["remote-addr", "10.0.0.1", undefined],
  ["remote-host", "evil.test", undefined],
  ["remote-ip", "10.0.0.1", undefined],
  ["remote-user", "admin", undefined],
  ["x-remote-addr", "10.0.0.1", undefined],
  ["x-remote-host", "evil.test", undefined],
  ["x-remote-ip", "10.0.0.1", undefined],
  ["x-remote-user", "admin", undefined],
  ["x-host", "evil.test", undefined],
  ["x-http-host-override", "evil.test", undefined],
  ["x-backend-host", "evil.test", undefined],
  ["x-backend-server", "evil.test", undefined],
  ["x-original-forwarded-for", "10.0.0.1", undefined],
  ["x-original-host", "evil.test", undefined],
  ["x-original-method", "DELETE", undefined],
  ["x-original-path", "/admin", undefined],
  ["x-original-remote-addr", "10.0.0.1", undefined],
  ["x-original-uri", "/admin", undefined],
  ["x-original-url", "/admin", undefined],
  ["x-rewrite-uri", "/admin", undefined],
  ["x-rewrite-url", "/admin", undefined],
  ["x-script-name", "/admin", undefined],
  ["x-scheme", "http", undefined],
  ["x-url-scheme", "http", undefined],
  ["front-end-https", "on", undefined],
  ["x-envoy-external-address", "10.0.0.1", undefined],
  ["x-envoy-original-path", "/admin", undefined],
  ["x-envoy-internal", "true", undefined],
  ["proxy", "http://evil.test", undefined],
  ["cf-ray", "1", undefined],
  ["cf-worker", "evil.test", undefined],
  ["cf-access-jwt-assertion", "ey", undefined],
  ["x-ninelives-attempts", "9", undefined],
  // To CGI and what comes of it an underscore is a hyphen.
  ["x_forwarded_for", "10.0.0.1", undefined],
  ["x_forwarded-host", "evil.test", undefined],
  ["x_real_ip", "10.0.0.1", undefined],
  ["x_mine", "1", "1"],
  ["connection", "close", undefined],
  ["keep-alive", "timeout=5", undefined],
  ["te", "trailers", undefined],
  ["upgrade", "h2c", undefined],
  ["proxy-authorization", "Basic eDp5", undefined],
  ["proxy-connection", "keep-alive", undefined],
  ["cdn-loop", "cloudflare", "cloudflare"],
  ["authorization", "Bearer mine", "Bearer mine"],
  ["x-mine", "1", "1"],
];

/** What an upstream says in a header of its answer, and what of it reaches the caller. */
export const answeredHeaders: readonly (readonly [string, string, string | undefined])[] = [
  // Of the whole origin, which is the dashboard's too.
  ["service-worker-allowed", "/", undefined],
  ["clear-site-data", '"storage"', undefined],
  ["x-ninelives-attempts", "99", "1"],
  ["x-ninelives-member", "evil", undefined],
  ["connection", "x-hop", undefined],
  ["keep-alive", "timeout=5", undefined],
  ["proxy-authenticate", "Basic", undefined],
  ["proxy-connection", "close", undefined],
  ["te", "trailers", undefined],
  ["upgrade", "h2c", undefined],
  ["set-cookie", "theirs=1; Path=/", "theirs=1; Path=/"],
  ["content-security-policy", "sandbox", "sandbox"],
  ["x-mine", "1", "1"],
];

/** Where an upstream redirects to that has its redirects followed: out of its origin or its path. */
export const followedRedirects: readonly string[] = [
  "http://169.254.169.254/latest/meta-data",
  "https://prices.upstream/v2/new",
  "http://prices.upstream:8080/v2/new",
  "//evil.test/v2/new",
  "/v1/admin",
  "/v2x/new",
  "../admin",
  "/v2/..%2fadmin",
  "/v2/%2e%2e%2fadmin",
  "javascript:alert(1)",
  "http://[",
];

/** What registers as a member of a service whose origins are `https://*.example.com`. */
export const strangeMembers: readonly string[] = [
  "http://169.254.169.254",
  "https://169.254.169.254",
  "https://localhost",
  "https://[::1]",
  "https://example.com",
  "https://evil.test",
  "https://a.example.com.evil.test",
  "http://a.example.com",
  "https://a.example.com:8443",
];

const head = (line: string, ...more: string[]) => [line, ...more, "", ""].join("\r\n");
const post = (...more: string[]) => head("POST /gateway/prices/a HTTP/1.1", "Host: edge.test", ...more);
const get = (...more: string[]) => head("GET /gateway/prices/a HTTP/1.1", ...more);
const smuggled = head("GET /gateway/prices/admin HTTP/1.1", "Host: edge.test");

/** Bytes on the wire, the first answer to them, and how many requests the upstream sees. */
export const wires: readonly (readonly [string, string, number, number])[] = [
  [
    "Content-Length and Transfer-Encoding",
    `${post("Content-Length: 4", "Transfer-Encoding: chunked")}0\r\n\r\n${smuggled}`,
    200,
    1,
  ],
  ["two Content-Length", `${post("Content-Length: 4", "Content-Length: 40")}abcd${smuggled}`, 400, 0],
  ["a length with a sign", `${post("Content-Length: +4")}abcd`, 400, 0],
  [
    "Transfer-Encoding: xchunked",
    `${post("Content-Length: 4", "Transfer-Encoding: xchunked")}0\r\n\r\n`,
    400,
    0,
  ],
  [
    "a space before the colon",
    `${post("Content-Length: 4", "Transfer-Encoding : chunked")}0\r\n\r\n`,
    400,
    0,
  ],
  ["a CR within a header", get("Host: edge.test", "X-A: 1\rX-Real-IP: 2"), 400, 0],
  ["a folded header", get("Host: edge.test", "X-A: 1\r\n X-Real-IP: 2"), 400, 0],
  ["a header of 200 kB", get("Host: edge.test", `X-A: ${"x".repeat(200_000)}`), 431, 0],
  ["a GET with a body", `${get("Host: edge.test", "Content-Length: 22")}GET /v2/admin HTTP/1.1`, 400, 0],
  ["a GET with a body of no bytes", get("Host: edge.test", "Content-Length: 0"), 200, 1],
  ["an upgrade to h2c", get("Host: edge.test", "Connection: Upgrade", "Upgrade: h2c"), 200, 1],
  ["no Host", get(), 400, 0],
  ["two Hosts", get("Host: edge.test", "Host: evil.test"), 400, 0],
  ["a Host with a path", get("Host: edge.test/gateway/other?"), 404, 0],
  [
    "a URL of another host",
    head("GET http://169.254.169.254/latest/meta-data HTTP/1.1", "Host: edge.test"),
    404,
    0,
  ],
  ["another Host", get("Host: 169.254.169.254"), 200, 1],
];
