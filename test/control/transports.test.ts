import { describe, expect, it } from "vitest";
import {
  anonymous,
  type CommandResult,
  commandService,
  type DocumentPlane,
  defineCommand,
  documentCommands,
  documentPolicy,
  documentStore,
  object,
  openApi,
  parameterCommands,
  readCommand,
  snapshotCommands,
  text,
} from "../../src/control/index.ts";
import { memoryHome } from "../../src/stores/memory.ts";
import { jsonRpc } from "./json-rpc.ts";
import { ann, memoryControl } from "./memory-control.ts";

/** A process with one policy and a command of its own, reached in process and by JSON-RPC. */
function scene() {
  const prices = documentPolicy("retry(3) + timeout(1s)");
  const drained: string[] = [];
  const plane: DocumentPlane = {
    store: documentStore(memoryHome()),
    policies: () => [{ name: "prices", text: "retry(3) + timeout(1s)" }],
    check: (_, given) => prices.check(given),
    apply: async ({ text: given }) => prices.set(given),
  };
  const drain = defineCommand({
    name: "cache.drain",
    description: "Empties the cache of a region.",
    input: object({ region: text({ most: 5 }) }),
    run: async ({ region }) => ({ drained: drained.push(region) }),
  });
  const commands = [
    ...documentCommands(plane),
    ...parameterCommands(plane),
    ...snapshotCommands(plane),
    drain,
  ];
  const { entries, audit, results } = memoryControl();
  const registry = { commands, audit, results };
  const rpc = jsonRpc(registry);
  const call = async (method: string, params?: object, id = "1", identity = ann) =>
    JSON.parse(await rpc(JSON.stringify({ jsonrpc: "2.0", id, method, params }), identity));
  return { commands, prices, drained, entries, rpc, call, inProcess: commandService(registry) };
}

describe("a transport that is not REST", () => {
  it("tells of the same commands, the user's own among them, with the same schemas as OpenAPI", async () => {
    const { call, commands } = scene();
    const { result } = await call("rpc.discover");
    const { paths } = openApi(commands, [], "1") as {
      paths: Record<string, { post: { requestBody: { content: Record<string, { schema: object }> } } }>;
    };
    expect(result.map(({ name }: { name: string }) => name)).toContain("cache.drain");
    for (const { name, params } of result) {
      const { schema } = paths[`/v1/commands/${name}`]?.post.requestBody.content["application/json"] ?? {};
      expect(JSON.parse(JSON.stringify(schema))).toEqual(params);
    }
  });

  it("does them: a policy changes, a value is read, a command of one's own runs", async () => {
    const { call, prices, drained } = scene();
    const update = { name: "prices", changes: { "retry.attempts": 5 } };
    expect(await call("policy.update", update, "1")).toMatchObject({ id: "1", result: { version: 1 } });
    expect(prices.text).toBe("retry(5) + timeout(1s)");
    expect(await call("parameter.read", { path: "prices/retry.attempts" }, "2")).toMatchObject({
      result: { value: "5", version: 1 },
    });
    expect(await call("cache.drain", { region: "eu" }, "3")).toMatchObject({ result: { drained: 1 } });
    expect(drained).toEqual(["eu"]);
  });

  it("goes through the same audit, authorisation and idempotence as the one in process", async () => {
    const { call, entries, drained, inProcess } = scene();
    const args = { region: "eu" };
    const first = await inProcess(readCommand({ id: "7", name: "cache.drain", args }, ann));
    expect(first).toEqual<CommandResult>({ id: "7", name: "cache.drain", value: { drained: 1 } });
    expect(await call("cache.drain", args, "7")).toMatchObject({ result: { drained: 1 } });
    expect(drained).toHaveLength(1);
    const reader = { name: "bob", scopes: ["read"] };
    expect(await call("cache.drain", args, "8", reader)).toMatchObject({ error: { code: -32_003 } });
    expect(await call("cache.drain", args, "9", anonymous)).toMatchObject({ error: { code: -32_001 } });
    expect(entries.map(({ identity, outcome }) => `${identity} ${outcome}`)).toEqual([
      "ann requested",
      "ann done",
      "ann requested",
      "ann done",
      "bob requested",
      "bob denied",
      "anonymous denied",
    ]);
  });

  it("says in its own way what is wrong", async () => {
    const { call, rpc } = scene();
    expect(await call("cache.drain", { region: "too long" })).toMatchObject({
      error: { code: -32_602, message: expect.stringContaining("region must be a text of at most 5") },
    });
    expect(await call("nope")).toMatchObject({ error: { code: -32_601 } });
    expect(await call("policy.set", { name: "prices", version: 9, text: "retry(2)" })).toMatchObject({
      error: { code: -32_009, data: { kind: "conflict", expected: 9, found: 0 } },
    });
    expect(JSON.parse(await rpc("{", ann))).toMatchObject({ id: null, error: { code: -32_700 } });
  });
});
