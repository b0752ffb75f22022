import { compose, definePolicyFor, type Policy, type Service, type Wrapped } from "ninelives";
import type { CommandEnvelope, CommandResult } from "ninelives/control";
import { type Api, ProblemError } from "./api.ts";
import { token } from "./token.ts";

/** Asks the person for a token, saying why, and whether one was refused; `false` when they do not give one. */
export type AskForToken = (why: string, refused: boolean) => Promise<boolean>;

/** Sends commands, and asks for a token when one is needed. */
export function commandSender(api: Api, ask: AskForToken): Wrapped<CommandEnvelope, CommandResult> {
  return compose(withToken(ask)).wrap((envelope: CommandEnvelope) => api.command(envelope));
}

/** A new command. Its id is chosen once, so that sending it again does it once. */
export function envelope(name: string, args: CommandEnvelope["args"]): CommandEnvelope {
  // Not `randomUUID`, which pages over plain HTTP lack.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return { id: Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(""), name, args };
}

/** Asks for a token where there is none or where it is not enough, for as long as the person gives one. */
function withToken(ask: AskForToken): Policy<CommandEnvelope, CommandResult> {
  return definePolicyFor("with-token", (next: Service<CommandEnvelope, CommandResult>) => {
    return async function withToken(request, context) {
      let refused = false;
      let why = token.read() === null ? "Commands need a token." : undefined;
      while (true) {
        if (why !== undefined && !(await ask(why, refused))) throw new Error(`not sent: ${why}`);
        try {
          return await next(request, context);
        } catch (error) {
          if (!(error instanceof ProblemError && error.wantsToken)) throw error;
          refused = true;
          why = error.status === 401 ? "The server does not know this token." : error.message;
        }
      }
    };
  });
}
