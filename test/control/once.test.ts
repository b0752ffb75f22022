import { scriptedService } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { type Command, type CommandResult, once } from "../../src/control/index.ts";
import { ann, memoryControl } from "./memory-control.ts";

const command: Command = { id: "1", name: "circuit.open", args: {}, identity: ann };
const result: CommandResult = { id: "1", name: "circuit.open", value: "open" };

describe("once", () => {
  it("does a command that comes again while it is under way once, and gives its result later", async () => {
    const handler = scriptedService<Command, CommandResult>();
    const send = once(memoryControl().results).wrap(handler);
    const first = send(command);
    // Hashes may be done in another order than they were begun.
    await expect.poll(() => handler.calls.length).toBe(1);
    await expect(send(command)).rejects.toMatchObject({
      kind: "conflict",
      message: "the command 1 is under way",
    });
    handler.last.succeed(result);
    await expect(first).resolves.toEqual(result);
    await expect(send(command)).resolves.toEqual(result);
    expect(handler.calls).toHaveLength(1);
  });

  it.each<[string, Partial<Command>]>([
    ["other arguments", { args: { circuit: "b", deep: { x: 1, y: 2 } } }],
    ["one argument less", { args: { circuit: "a" } }],
    ["another name", { name: "circuit.close" }],
    ["somebody who may touch less", { identity: { ...ann, policies: ["a"] } }],
  ])("refuses the id of a command for %s, while it is under way and after", async (_, other) => {
    const handler = scriptedService<Command, CommandResult>();
    const send = once(memoryControl().results).wrap(handler);
    const first = { ...command, args: { circuit: "a", deep: { x: 1, y: 2 } } };
    const done = send(first);
    // Hashes may be done in another order than they were begun.
    await expect.poll(() => handler.calls.length).toBe(1);
    const refused = { kind: "conflict", message: expect.stringContaining("the id 1 was that of another") };
    await expect(send({ ...first, ...other })).rejects.toMatchObject(refused);
    handler.last.succeed(result);
    await done;
    await expect(send({ ...first, ...other })).rejects.toMatchObject(refused);
    expect(handler.calls).toHaveLength(1);
  });

  it("knows a command again whose keys come in another order", async () => {
    const handler = scriptedService<Command, CommandResult>();
    const send = once(memoryControl().results).wrap(handler);
    handler.script(() => result);
    await send({ ...command, args: { a: 1, b: [{ c: 2, d: 3 }] } });
    await expect(send({ ...command, args: { b: [{ d: 3, c: 2 }], a: 1 } })).resolves.toEqual(result);
    expect(handler.calls).toHaveLength(1);
  });

  it("gives the id of a command that failed free again", async () => {
    const handler = scriptedService<Command, CommandResult>();
    handler.script(() => Promise.reject(new Error("the fuse blew")));
    const send = once(memoryControl().results).wrap(handler);
    await expect(send(command)).rejects.toThrow("the fuse blew");
    handler.script(() => result);
    await expect(send(command)).resolves.toEqual(result);
    expect(handler.calls).toHaveLength(2);
  });
});
