import {
  CommandError,
  type CommandFailure,
  type CommandServiceOptions,
  commandService,
  type Identity,
  readCommand,
} from "../../src/control/index.ts";

/** The codes of JSON-RPC 2.0 where it has one, and some of its range for servers. */
const codes: Readonly<Record<CommandFailure, number>> = {
  "unknown-command": -32_601,
  "invalid-arguments": -32_602,
  unauthenticated: -32_001,
  forbidden: -32_003,
  "not-found": -32_004,
  conflict: -32_009,
};

/**
 * A second transport, as a test of the port: JSON-RPC 2.0, whose methods are the commands, and `rpc.discover` tells them.
 *
 * It knows the commands by what any transport is told of them, and nothing of HTTP.
 */
export function jsonRpc(
  options: CommandServiceOptions,
): (text: string, identity: Identity) => Promise<string> {
  const service = commandService(options);
  async function answer(request: Record<string, unknown>, identity: Identity): Promise<unknown> {
    if (request.method === "rpc.discover") {
      return options.commands.map(({ name, description, scope, input, output }) => {
        return { name, summary: description, scope, params: input, result: output };
      });
    }
    const { id, method: name, params: args } = request;
    return (await service(readCommand({ id, name, args }, identity))).value;
  }
  return async (text, identity) => {
    let id: unknown = null;
    try {
      const request = JSON.parse(text);
      id = request.id;
      return JSON.stringify({ jsonrpc: "2.0", id, result: await answer(request, identity) });
    } catch (error) {
      const { message } = error as Error;
      const ours = error instanceof CommandError;
      const code = ours ? codes[error.kind] : error instanceof SyntaxError ? -32_700 : -32_603;
      const shown = ours
        ? { message, data: { kind: error.kind, ...error.members } }
        : { message: "internal" };
      return JSON.stringify({ jsonrpc: "2.0", id, error: { code, ...shown } });
    }
  };
}
