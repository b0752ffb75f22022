import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  anonymous,
  type Command,
  CommandError,
  commandService,
  defineCommand,
  readCommand,
  textArgument,
} from "../../src/control/index.ts";
import { ann, memoryControl } from "./memory-control.ts";

function control() {
  const { asked, entries, audit, results } = memoryControl();
  const open = defineCommand({
    name: "circuit.open",
    input: (args) => textArgument(args, "circuit"),
    run: async (circuit) => {
      asked.push(`run ${circuit}`);
      if (circuit === "broken") throw new Error("the fuse blew");
      return { circuit };
    },
  });
  const look = defineCommand({
    name: "look",
    scope: "read",
    input: () => undefined,
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
    expect(asked).toEqual(["audit requested", "result", "run prices", "keep result", "audit done"]);
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
    expect(asked).toEqual(["audit requested", "result", "audit done"]);
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
    expect(entries.map(({ outcome }) => outcome)).toEqual(["requested", outcome]);
    expect(entries[1]?.reason).toBe((error as CommandError).message);
  });

  it("tells nobody which commands there are, and everybody else", async () => {
    const { send } = control();
    const message = (more: Partial<Command>) => send(command(more)).catch((error: Error) => error.message);
    expect(await message({ identity: anonymous, name: "nope" })).not.toContain("circuit.open");
    expect(await message({ name: "nope" })).toBe('there is no command "nope"; there are circuit.open, look');
  });

  it("goes by the command's scope where it has one", async () => {
    const { send } = control();
    const reader = { name: "bob", scopes: ["read"] };
    await expect(send(command({ name: "look", identity: reader }))).resolves.toMatchObject({ value: "seen" });
  });

  it("writes down what a handler threw, and throws it as it is", async () => {
    const { send, entries } = control();
    await expect(send(command({ args: { circuit: "broken" } }))).rejects.toThrow("the fuse blew");
    expect(entries[1]).toMatchObject({ outcome: "failed", reason: "the fuse blew" });
  });

  it("does nothing that it cannot write down", async () => {
    let ran = 0;
    const send = commandService({
      commands: [defineCommand({ name: "go", input: () => 0, run: async () => ++ran })],
      audit: { append: () => Promise.reject(new Error("disk full")) },
      results: memoryControl().results,
    });
    await expect(send(command({ name: "go" }))).rejects.toThrow("disk full");
    expect(ran).toBe(0);
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

describe("textArgument", () => {
  it("reads a text", () => {
    expect(textArgument({ name: "prices" }, "name")).toBe("prices");
  });

  it.each<[unknown, string]>([
    [undefined, "name must be a text, but is missing"],
    ["", 'name must be a text, but is ""'],
    [5, "name must be a text, but is 5"],
    [null, "name must be a text, but is null"],
    [{ a: 1 }, 'name must be a text, but is {"a":1}'],
  ])("refuses %j and quotes it", (value, message) => {
    expect(() => textArgument({ name: value }, "name")).toThrow(
      expect.objectContaining({ kind: "invalid-arguments", message }),
    );
  });

  it("does not take what an object inherits", () => {
    expect(() => textArgument(Object.create({ name: "prices" }), "name")).toThrow("but is missing");
  });

  it("throws nothing but a CommandError, whatever it is given", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true }), (value) => {
        try {
          textArgument({ name: value }, "name");
        } catch (error) {
          expect(error).toBeInstanceOf(CommandError);
          expect((error as Error).message.length).toBeLessThan(200);
        }
      }),
    );
  });
});
