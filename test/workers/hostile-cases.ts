import { sha256 } from "ninelives/control";

/** The ingest key that the Worker knows. */
export const ingestKey = "ingest-key";

/** What a case needs of its scene: an issuer that signs what it is told to. */
export interface Signing {
  jwt(claims?: object, header?: object): Promise<string>;
}

/** The arguments of a command that opens a tenant's circuit. */
export const open = '{"circuit":"acme-prices"}';
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
  ["x-forwarded-for", "10.0.0.1", undefined],
  ["x-forwarded-host", "evil.test", "edge.test"],
  ["x-forwarded-proto", "http", "https"],
  ["x-forwarded-port", "22", undefined],
  ["x-forwarded-prefix", "/admin", undefined],
  ["x-forwarded-anything", "1", undefined],
  ["x-real-ip", "10.0.0.1", undefined],
  ["x-client-ip", "10.0.0.1", undefined],
  ["true-client-ip", "10.0.0.1", undefined],
  ["x-original-url", "/admin", undefined],
  ["x-rewrite-url", "/admin", undefined],
  ["cf-ray", "1", undefined],
  ["cf-worker", "evil.test", undefined],
  ["cf-access-jwt-assertion", "ey", undefined],
  ["x-ninelives-attempts", "9", undefined],
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
