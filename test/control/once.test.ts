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
    await expect(send(command)).rejects.toMatchObject({
      kind: "conflict",
      message: "the command 1 is under way",
    });
    handler.last.succeed(result);
    await expect(first).resolves.toEqual(result);
    await expect(send(command)).resolves.toEqual(result);
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
