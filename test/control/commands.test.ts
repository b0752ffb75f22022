import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  anonymous,
  type Command,
  CommandError,
  commandService,
  defineCommand,
  object,
  readCommand,
  text,
} from "../../src/control/index.ts";
import { ann, memoryControl } from "./memory-control.ts";

function control() {
  const { asked, entries, audit, results } = memoryControl();
  const open = defineCommand({
    name: "circuit.open",
    input: object({ circuit: text() }),
    run: async ({ circuit }) => {
      asked.push(`run ${circuit}`);
      if (circuit === "broken") throw new Error("the fuse blew");
      return { circuit };
    },
  });
  const look = defineCommand({
    name: "look",
    scope: "read",
    input: object({}),
    run: async () => "seen",
  });
  const send = commandService({ commands: [open, look], audit, results });
  return { asked, entries, send };
}

const command = (more: Partial<Command> = {}): Command => ({
  id: "1",
  name: "circuit.open",
  args: { circuit: "prices" },
  identity: ann,
  ...more,
});

describe("commandService", () => {
  it("goes by audit, then authorisation, then what was done before, then the handler", async () => {
    const { asked, send, entries } = control();
    await expect(send(command())).resolves.toEqual({
      id: "1",
      name: "circuit.open",
      value: { circuit: "prices" },
    });
    expect(asked).toEqual(["audit requested", "claim", "run prices", "keep result", "audit done"]);
    expect(
      entries.map(({ command, id, identity, args, reason }) => [command, id, identity, args, reason]),
    ).toEqual([
      ["circuit.open", "1", "ann", '{"circuit":"prices"}', null],
      ["circuit.open", "1", "ann", '{"circuit":"prices"}', null],
    ]);
  });

  it("does a command of the same id once, and audits both", async () => {
    const { asked, send } = control();
    const first = await send(command());
    asked.length = 0;
    await expect(send(command())).resolves.toEqual(first);
    expect(asked).toEqual(["audit requested", "claim", "audit done"]);
  });

  it("refuses an id that another command bore", async () => {
    const { asked, send } = control();
    await send(command());
    const other = send(command({ name: "look", args: {} }));
    await expect(other).rejects.toMatchObject({
      kind: "conflict",
      message: expect.stringContaining("circuit.open"),
    });
    expect(asked.filter((what) => what.startsWith("run"))).toHaveLength(1);
  });

  it("does the same id of another sender on its own", async () => {
    const { asked, send } = control();
    await send(command());
    await send(command({ identity: { ...ann, name: "bob" } }));
    expect(asked.filter((what) => what === "run prices")).toHaveLength(2);
  });

  it("does a command again that failed", async () => {
    const { asked, send } = control();
    const broken = command({ args: { circuit: "broken" } });
    for (let time = 0; time < 2; time++) await expect(send(broken)).rejects.toThrow("the fuse blew");
    expect(asked.filter((what) => what === "run broken")).toHaveLength(2);
  });

  it.each<[string, Partial<Command>, string, string]>([
    ["nobody", { identity: anonymous }, "unauthenticated", "denied"],
    ["nobody, by an unknown name", { identity: anonymous, name: "nope" }, "unauthenticated", "denied"],
    ["who may not", { identity: { name: "bob", scopes: ["circuit.close"] } }, "forbidden", "denied"],
    ["who may only look", { identity: { name: "bob", scopes: ["read"] } }, "forbidden", "denied"],
    ["an unknown name", { name: "nope" }, "unknown-command", "failed"],
    ["a name of Object's", { name: "constructor" }, "unknown-command", "failed"],
    ["a missing argument", { args: {} }, "invalid-arguments", "failed"],
  ])("refuses %s, runs nothing and writes it down", async (_, more, kind, outcome) => {
    const { asked, send, entries } = control();
    const error = await send(command(more)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CommandError);
    expect(error).toMatchObject({ kind });
    expect(asked.filter((what) => what.startsWith("run") || what.startsWith("keep"))).toEqual([]);
    // What nobody sends whom the server knows is denied anyway, and may come in floods.
    const before = kind === "unauthenticated" ? [] : ["requested"];
    expect(entries.map(({ outcome }) => outcome)).toEqual([...before, outcome]);
    expect(entries.at(-1)?.reason).toBe((error as CommandError).message);
  });

  it("tells nobody which commands there are, and everybody else", async () => {
    const { send } = control();
    const message = (more: Partial<Command>) => send(command(more)).catch((error: Error) => error.message);
    expect(await message({ identity: anonymous, name: "nope" })).not.toContain("circuit.open");
    expect(await message({ name: "nope" })).toBe('there is no command "nope"; there are circuit.open, look');
  });

  it.each<[string, readonly string[] | undefined, string]>([
    ["who may touch all", undefined, "there are acme-prices, acme-stock, secret-merger"],
    ["a tenant", ["acme-*"], "there are acme-prices, acme-stock"],
    ["a tenant of one", ["acme-stock"], "there is acme-stock"],
    ["a tenant of none", ["beta"], "there is none"],
  ])("tells %s only the names that are theirs of what there is instead", async (_, policies, told) => {
    const { audit, results, entries } = memoryControl();
    const missing = defineCommand({
      name: "policy.get",
      input: object({}),
      touches: "each",
      run: async () => {
        const there = ["acme-prices", "acme-stock", "secret-merger"];
        throw new CommandError("not-found", "there is no policy x", { there, members: { x: 1 } });
      },
    });
    const send = commandService({ commands: [missing], audit, results });
    const identity = { name: "bob", scopes: ["*"], ...(policies !== undefined && { policies }) };
    const error = await send(command({ name: "policy.get", args: {}, identity })).catch((reason) => reason);
    expect(error).toMatchObject({ kind: "not-found", members: { x: 1 }, there: undefined });
    expect(error.message).toBe(`there is no policy x; ${told}`);
    expect(entries.at(-1)?.reason).toBe(error.message);
  });

  it("goes by the command's scope where it has one", async () => {
    const { send } = control();
    const reader = { name: "bob", scopes: ["read"] };
    await expect(send(command({ name: "look", args: {}, identity: reader }))).resolves.toMatchObject({
      value: "seen",
    });
  });

  it("writes down what a handler threw, and throws it as it is", async () => {
    const { send, entries } = control();
    await expect(send(command({ args: { circuit: "broken" } }))).rejects.toThrow("the fuse blew");
    expect(entries[1]).toMatchObject({ outcome: "failed", reason: "the fuse blew" });
  });

  it("does nothing that it cannot write down", async () => {
    let ran = 0;
    const send = commandService({
      commands: [defineCommand({ name: "go", input: object({}), run: async () => ++ran })],
      audit: { append: () => Promise.reject(new Error("disk full")) },
      results: memoryControl().results,
    });
    await expect(send(command({ name: "go" }))).rejects.toThrow("disk full");
    expect(ran).toBe(0);
  });

  it("says of none that was done that it failed, though that cannot be written down", async () => {
    const { entries, audit, results } = memoryControl();
    const go = defineCommand({ name: "go", input: object({}), run: async () => "gone" });
    let full = true;
    const send = commandService({
      commands: [go],
      audit: {
        append: (draft) =>
          full && draft.outcome === "done" ? Promise.reject(new Error("disk full")) : audit.append(draft),
      },
      results,
    });
    await expect(send(command({ name: "go", args: {} }))).rejects.toThrow("disk full");
    expect(entries.map(({ outcome }) => outcome)).toEqual(["requested"]);
    full = false;
    await expect(send(command({ name: "go", args: {} }))).resolves.toMatchObject({ value: "gone" });
    expect(entries.map(({ outcome }) => outcome)).toEqual(["requested", "requested", "done"]);
  });

  it("does one that changes nothing each time, and leaves one line of it", async () => {
    const { asked, entries, audit, results } = memoryControl();
    let looks = 0;
    const look = defineCommand({ name: "look", readOnly: true, input: object({}), run: async () => ++looks });
    const send = commandService({ commands: [look], audit, results });
    for (const value of [1, 2]) {
      await expect(send(command({ name: "look", args: {} }))).resolves.toMatchObject({ value });
    }
    expect(asked).toEqual(["audit done", "audit done"]);
    expect(entries).toMatchObject([
      { command: "look", outcome: "done" },
      { command: "look", outcome: "done" },
    ]);
  });

  it("cuts long arguments off in the log", async () => {
    const { send, entries } = control();
    await send(command({ args: { circuit: "x".repeat(5_000) } }));
    expect(entries[0]?.args).toHaveLength(1_001);
    expect(entries[0]?.args.endsWith("…")).toBe(true);
  });
});

describe("readCommand", () => {
  it("reads an envelope, with no arguments by default", () => {
    expect(readCommand({ id: "1", name: "look" }, ann)).toEqual({
      id: "1",
      name: "look",
      args: {},
      identity: ann,
    });
  });

  it("takes the identity from the transport and not from the sender", () => {
    const read = readCommand({ id: "1", name: "look", identity: { name: "root", scopes: ["*"] } }, anonymous);
    expect(read.identity).toBe(anonymous);
  });

  it.each<[unknown, string]>([
    [null, "a command must be a JSON object"],
    [[], "a command must be a JSON object"],
    ["open", "a command must be a JSON object"],
    [{}, "id must be a text of 1 to 100 characters"],
    [{ id: 1, name: "look" }, "id must be"],
    [{ id: "", name: "look" }, "id must be"],
    [{ id: "x".repeat(101), name: "look" }, "id must be"],
    [{ id: "1" }, "name must be a text of 1 to 100 characters"],
    [{ id: "1", name: "" }, "name must be"],
    [{ id: "1", name: "x".repeat(101) }, "name must be"],
    [{ id: "1", name: "look", args: null }, "args must be an object"],
    [{ id: "1", name: "look", args: [] }, "args must be an object"],
    [{ id: "1", name: "look", args: "all" }, "args must be an object"],
  ])("says of %j what is wrong", (input, message) => {
    expect(() => readCommand(input, ann)).toThrow(
      expect.objectContaining({ kind: "invalid-arguments", message: expect.stringContaining(message) }),
    );
  });

  it("refuses arguments that nest too deep, and keys that an object inherits, anywhere", () => {
    const nested = (depth: number): unknown => JSON.parse(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`);
    const read = (args: unknown) => () => readCommand({ id: "1", name: "look", args }, ann);
    expect(read(nested(32))).not.toThrow();
    expect(read(nested(33))).toThrow("args nest more than 32 deep");
    expect(read(nested(20_000))).toThrow("args nest more than 32 deep");
    for (const key of ["__proto__", "constructor", "prototype"]) {
      expect(read(JSON.parse(`{"a":[{"${key}":1}]}`))).toThrow(`args may have no key ${key}`);
    }
  });

  it("throws nothing but a CommandError, whatever it is given", () => {
    fc.assert(
      fc.property(fc.anything(), (input) => {
        try {
          readCommand(input, ann);
        } catch (error) {
          expect(error).toBeInstanceOf(CommandError);
        }
      }),
    );
  });
});
