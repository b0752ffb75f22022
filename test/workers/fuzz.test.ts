import fc from "fast-check";
import type { JsonSchema, Problem } from "ninelives/control";
import { describe, expect, inject, it } from "vitest";
import { definitions } from "../../workers/commands.ts";
import { ingestKey, shop, testWorker, tokens, toldToOwner } from "./test-worker.ts";

/** The limit of 300 commands a minute is not what is looked at here. */
const runs = Math.ceil(inject("cases") / 2);

/** Keys that an object inherits, huge texts and numbers, lone surrogates, controls, and what looks like something. */
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom(
    "__proto__",
    "constructor",
    "toString",
    "prices",
    "prices/retry.attempts",
    "prices/retry.backoff.factor",
    "retry(3)",
    "retry(",
    "standard + (",
    "1h",
    "-1ms",
    "",
    "\u0000",
    "\ud800",
    "../../etc/passwd",
    "'; DROP TABLE audit; --",
    "<script>alert(1)</script>",
  ),
  fc.constantFrom(1_000, 12_000, 40_000).map((length) => "(".repeat(length)),
);
const number = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, -0, -1, 1e308, Number.MAX_SAFE_INTEGER, 2 ** 53, 5e-324),
);
const key = fc.oneof(
  text,
  fc.constantFrom("__proto__", "constructor", "prototype", "name", "version", "text", "args"),
);
const { value: junk } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    number,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie("value")), { maxLength: 4 }).map((entries) => {
      // As JSON has it: a key named __proto__ is one like others.
      const object = Object.create(null) as Record<string, unknown>;
      for (const [name, value] of entries) object[name] = value;
      return object;
    }),
  ),
}));

/** A value that nests as deep as it likes, as JSON. */
const deep = fc
  .tuple(
    fc.integer({ min: 1, max: 5_000 }),
    fc.constantFrom(["[", "]"], ['{"a":', "}"], ['{"__proto__":', "}"]),
  )
  .map(([depth, [open, close]]) => `${open?.repeat(depth)}1${close?.repeat(depth)}`);

/** What fits a schema, or nearly; and what does not. */
function near(schema: JsonSchema): fc.Arbitrary<unknown> {
  const {
    type,
    properties,
    items,
    oneOf,
    minimum = 0,
  } = schema as {
    readonly type?: string;
    readonly properties?: Readonly<Record<string, JsonSchema>>;
    readonly items?: JsonSchema;
    readonly oneOf?: readonly JsonSchema[];
    readonly minimum?: number;
  };
  const fitting = (): fc.Arbitrary<unknown> => {
    if (oneOf !== undefined) return fc.oneof(...oneOf.map(near));
    if (type === "integer") return fc.integer({ min: minimum, max: minimum + 3 });
    if (type === "boolean") return fc.boolean();
    if (type === "array") return fc.array(near(items ?? {}), { maxLength: 3 });
    if (type === "object" && properties !== undefined) {
      const fields = Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, near(each)]));
      return fc.record(fields, { requiredKeys: [] });
    }
    return text;
  };
  return fc.oneof({ weight: 5, arbitrary: fitting() }, { weight: 1, arbitrary: junk });
}

/** What is wrong with an answer, if anything. */
async function wrongWith(response: Response): Promise<string | undefined> {
  const body = await response.text();
  if (response.status >= 500) return `${response.status}: ${body}`;
  if (/\.[jt]sx?:\d|\n\s+at /.test(body)) return `a stack: ${body}`;
  if (Object.values(tokens).some((token) => body.includes(token)) || body.includes(ingestKey))
    return "a token";
  if (response.status < 400) return undefined;
  if (response.headers.get("content-type") !== "application/problem+json") return `no problem: ${body}`;
  const { type, title, status, detail } = JSON.parse(body) as Problem;
  const whole = type.startsWith("urn:ninelives:problem:") && title !== "" && detail !== "";
  if (!whole || status !== response.status) return `half a problem: ${body}`;
  return detail.length > 1_000 ? `a long one: ${detail.length}` : undefined;
}

describe("whatever is sent", () => {
  it("stands in the audit log so that its chain holds, half a character and nothing too", async () => {
    const worker = await testWorker();
    const halves = ["\ud800", "a\u0000b", `${"x".repeat(985)}\u{1f600}${"y".repeat(100)}`, "\udfff\ud800"];
    for (const half of halves) {
      await worker.command("admin", "policy.get", { name: half });
      await worker.command("admin", half.slice(0, 90), { [half]: half });
      await worker.command("admin", "policy.set", { name: "prices", version: 0, text: half });
    }
    const { entries, intact } = await worker.control.audit(100);
    expect([entries.length, intact]).toEqual([20, true]);
    expect(await worker.control.verify()).toMatchObject({ intact: true });
    expect((await worker.command("admin", "policy.list", {}, "\ud800")).status).toBe(422);
  });

  /** Tries many, and looks at each answer, and at what the owner was told. */
  async function tried<T>(
    given: fc.Arbitrary<T>,
    send: (worker: Awaited<ReturnType<typeof testWorker>>, value: T) => Promise<Response>,
  ) {
    const told = toldToOwner();
    const worker = await testWorker({
      upstreams: {
        prices: {
          service: "ORIGIN",
          policy: "retry(3, backoff: exponential(1ms)) + circuitBreaker + rateLimit(5)",
        },
      },
    });
    await fc.assert(
      fc.asyncProperty(given, async (value) => {
        expect(await wrongWith(await send(worker, value))).toBeUndefined();
      }),
      { numRuns: runs },
    );
    expect(told).toEqual([]);
    expect((await worker.control.verify()).intact).toBe(true);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  }

  const post = (body: BodyInit, token: string = tokens.admin): RequestInit => ({
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body,
  });

  it("to a command gets an answer or a problem", { timeout: 300_000 }, async () => {
    const { env } = await testWorker();
    for (const { name, input } of definitions(env)) {
      const args = fc.oneof(near(input), junk).map((value) => JSON.stringify(value) ?? "null");
      await tried(fc.oneof({ weight: 9, arbitrary: args }, { weight: 1, arbitrary: deep }), (worker, body) =>
        worker.fetch(`/v1/commands/${name}`, post(body)),
      );
    }
  });

  it("as an envelope gets an answer or a problem", { timeout: 60_000 }, async () => {
    const { env } = await testWorker();
    const names = definitions(env).map(({ name }) => name);
    const envelope = fc
      .record(
        { id: fc.oneof(text, junk), name: fc.oneof(fc.constantFrom(...names), text, junk), args: junk },
        { requiredKeys: [] },
      )
      .map((value) => JSON.stringify(value));
    await tried(fc.oneof(envelope, deep), (worker, body) => worker.fetch("/v1/commands", post(body)));
  });

  it.each([
    ["/v1/commands", tokens.admin],
    ["/v1/commands/policy.set", tokens.admin],
    ["/v1/events", ingestKey],
    ["/v1/shared/prices", tokens.admin],
  ])("as the bytes of %s gets an answer or a problem", { timeout: 60_000 }, async (path, token) => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((array) => new Uint8Array(array)),
      junk.map((value) => JSON.stringify(value) ?? ""),
      deep,
    );
    await tried(bytes, (worker, body) =>
      worker.fetch(path, {
        ...post(body, token),
        headers: { authorization: `Bearer ${token}`, origin: shop },
      }),
    );
  });

  it("as a path, a method and headers gets an answer or a problem", { timeout: 60_000 }, async () => {
    const known = fc.constantFrom(
      ...[
        "/v1/policies",
        "/v1/parameters",
        "/v1/audit",
        "/v1/state",
        "/v1/whoami",
        "/v1/commands",
        "/v1/openapi.json",
      ],
      ...[
        "/v1/events",
        "/v1/shared/",
        "/metrics",
        "/healthz",
        "/docs",
        "/v1/",
        "/gateway/prices/",
        "/gateway/",
      ],
    );
    const request = fc.record({
      path: fc
        .tuple(known, fc.oneof(fc.constant(""), text))
        .map(([path, more]) => path + encodeURIComponent(more.toWellFormed())),
      query: fc.oneof(fc.constant(""), text).map((each) => encodeURIComponent(each.toWellFormed())),
      method: fc.constantFrom("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"),
      tag: fc.string({ unit: "grapheme-ascii", maxLength: 20 }),
      token: fc.oneof(
        fc.constantFrom(...Object.values(tokens)),
        fc.string({ unit: "grapheme-ascii", maxLength: 40 }),
      ),
    });
    await tried(request, async (worker, { path, query, method, tag, token }) => {
      const response = await worker.fetch(`${path}?q=${query}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          "if-none-match": tag,
          "idempotency-key": tag,
          "x-forwarded-for": tag,
        },
      });
      // An answer to HEAD, or to a preflight, has no body to look at.
      const bare = method === "HEAD" || method === "OPTIONS";
      return bare && response.status < 500 ? new Response(null) : response;
    });
  });
});
