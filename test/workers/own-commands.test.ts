import { createExecutionContext } from "cloudflare:test";
import { type CommandFailure, defineCommand, object, openApi, secret, text } from "ninelives/control";
import { describe, expect, it, vi } from "vitest";
import { CommandError } from "../../src/control/command-error.ts";
import { createApp } from "../../workers/app.ts";
import { problemOf } from "../../workers/middleware/problem.ts";
import { problemIn, testWorker, tokens } from "./test-worker.ts";

const drain = (drained: string[]) =>
  defineCommand({
    name: "cache.drain",
    description: "Empties the cache of a region.",
    input: object({ region: text({ most: 20, description: "such as eu" }) }),
    output: { type: "object", required: ["drained"], properties: { drained: { type: "integer" } } },
    run: async ({ region }) => ({ drained: drained.push(region) }),
  });

const login = defineCommand({
  name: "cache.login",
  description: "Logs in to the cache.",
  input: object({ user: text(), password: secret(text({ most: 20 })) }),
  run: async ({ user }) => user,
});

async function extended() {
  const drained: string[] = [];
  const worker = await testWorker();
  const app = createApp({ commands: () => [drain(drained), login] });
  const send = (path: string, init: RequestInit = {}, token: string = tokens.admin) =>
    Promise.resolve(
      app.fetch(
        new Request(`https://edge.test${path}`, {
          ...init,
          headers: { ...init.headers, authorization: `Bearer ${token}` },
        }),
        worker.env,
        createExecutionContext(),
      ),
    );
  const post = (path: string, body: unknown, headers: Record<string, string> = {}, token?: string) =>
    send(path, { method: "POST", body: JSON.stringify(body), headers }, token);
  return { drained, worker, send, post };
}

describe("commands of one's own in the Worker", () => {
  it("are done by both routes, once for an id, and written down", async () => {
    const { drained, post, worker } = await extended();
    const envelope = { id: "1", name: "cache.drain", args: { region: "eu" } };
    const first = await post("/v1/commands", envelope);
    expect(await first.json()).toEqual({ id: "1", name: "cache.drain", value: { drained: 1 } });
    const again = await post("/v1/commands/cache.drain", { region: "eu" }, { "idempotency-key": "1" });
    expect(await again.json()).toEqual({ id: "1", name: "cache.drain", value: { drained: 1 } });
    expect(drained).toEqual(["eu"]);
    const { entries } = await worker.control.audit(10);
    expect(entries.map(({ command, outcome }) => [command, outcome])).toEqual([
      ["cache.drain", "done"],
      ["cache.drain", "requested"],
      ["cache.drain", "done"],
      ["cache.drain", "requested"],
    ]);
  });

  it("leave no secret in the log nor in an answer, done or not", async () => {
    const { post, worker } = await extended();
    const password = "correct horse";
    const sent: [string, object][] = [
      ["cache.login", { user: "ann", password }],
      ["cache.login", { user: 5, password }],
      ["cache.login", { user: "ann", pasword: password }],
      ["cache.login", { user: "ann", password: [password] }],
      ["cache.logn", { user: "ann", password }],
    ];
    const answers = await Promise.all(sent.map(([name, args]) => post(`/v1/commands/${name}`, args)));
    expect(answers.map(({ status }) => status)).toEqual([200, 422, 422, 422, 404]);
    for (const answer of answers) expect(await answer.text()).not.toContain(password);
    const { entries } = await worker.control.audit(50);
    expect(entries).toHaveLength(10);
    expect(JSON.stringify(entries)).not.toContain(password);
    expect(entries.map(({ args }) => args)).toContain('{"user":"ann","password":"…"}');
  });

  it("need their scope, and arguments as their schema says", async () => {
    const { drained, post } = await extended();
    expect((await post("/v1/commands/cache.drain", { region: "eu" }, {}, tokens.opener)).status).toBe(403);
    const wrong = await post("/v1/commands/cache.drain", { region: 5 });
    expect(wrong.status).toBe(422);
    expect((await problemIn(wrong)).detail).toBe("region must be a text, but is 5");
    expect(drained).toEqual([]);
  });

  it("are in the OpenAPI document and in the docs, of this app only", async () => {
    const { send, worker } = await extended();
    const document = await (await send("/v1/openapi.json")).json<{ paths: Record<string, unknown> }>();
    expect(document.paths).toHaveProperty(["/v1/commands/cache.drain"]);
    const page = await (await send("/docs")).text();
    expect(page).toContain("cache.drain");
    expect(page).toContain("Empties the cache of a region.");
    const plain = await (await worker.fetch("/v1/openapi.json")).json<{ paths: Record<string, unknown> }>();
    expect(plain.paths).not.toHaveProperty(["/v1/commands/cache.drain"]);
    expect((await worker.command("admin", "cache.drain", { region: "eu" })).status).toBe(404);
  });

  it("may not bear the name of another one", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const worker = await testWorker();
    const taken = defineCommand({ name: "policy.set", input: object({}), run: async () => 1 });
    const app = createApp({ commands: () => [taken] });
    const response = await app.fetch(
      new Request("https://edge.test/v1/commands/policy.list", {
        method: "POST",
        body: "{}",
        headers: { authorization: `Bearer ${tokens.admin}` },
      }),
      worker.env,
      createExecutionContext(),
    );
    expect(response.status).toBe(500);
    vi.restoreAllMocks();
  });
});

describe("limiter.reset", () => {
  it("lets calls through again that a rate limit refused", async () => {
    const worker = await testWorker({
      upstreams: { prices: { service: "ORIGIN", policy: "rateLimit(20, per: 1h)" } },
    });
    const ask = async () => (await worker.fetch("/gateway/prices/")).status;
    while ((await ask()) === 200);
    const before = worker.seen.length;
    const done = await worker.command("admin", "limiter.reset", { limiter: "prices", reason: "it was us" });
    expect(await done.json()).toMatchObject({ value: { limiter: "prices" } });
    await vi.waitFor(async () => expect(await ask()).toBe(200), { timeout: 20_000, interval: 200 });
    expect(worker.seen.length).toBeGreaterThan(before);
  });

  it("knows the limiters that there are", async () => {
    const worker = await testWorker();
    const response = await worker.command("admin", "limiter.reset", { limiter: "prices" });
    expect((await problemIn(response)).detail).toBe("there is no limiter prices; there is none");
  });
});

interface Described {
  readonly description: string;
  readonly content: Record<string, { schema: { properties: { type: { enum: string[] } } } }>;
}

describe("what a command may come to", () => {
  const kinds: Readonly<Record<CommandFailure, true>> = {
    unauthenticated: true,
    forbidden: true,
    "unknown-command": true,
    "invalid-arguments": true,
    "not-found": true,
    conflict: true,
  };

  it.each(Object.keys(kinds) as CommandFailure[])(
    "is in the OpenAPI document, with its status: %s",
    (kind) => {
      const { status } = problemOf(new CommandError(kind, "no"));
      const document = openApi([drain([])], [], "1") as {
        readonly paths: Record<string, { post: { responses: Record<string, Described> } }>;
      };
      const described = document.paths["/v1/commands"]?.post.responses[`${status}`];
      expect(described?.description).toContain(kind);
      const { schema } = described?.content["application/problem+json"] ?? {};
      expect(schema?.properties.type.enum).toContain(`urn:ninelives:problem:${kind}`);
    },
  );
});
