import { waitUntil } from "cloudflare:workers";
import { compose, environment, keyed, type Policy, rateLimit, retry } from "ninelives";
import {
  type Command,
  type CommandResult,
  type CommandServiceOptions,
  commandService,
  documentCommands,
  parameterCommands,
  type RegisteredCommand,
  snapshotCommands,
} from "ninelives/control";
import { auditCommands } from "./audit-commands.ts";
import { circuitCommands, heldCircuits } from "./circuit-commands.ts";
import { planeOf } from "./document-plane.ts";
import type { Env } from "./env.ts";
import { gatewayOf } from "./gateway.ts";
import { controlOf } from "./homes.ts";
import { limiterCommands } from "./limiter-commands.ts";
import { stateCommands } from "./state-commands.ts";
import { upstreamCommands } from "./upstream-commands.ts";
import { weightCommands } from "./weight-commands.ts";

/** What each sender may send in each isolate; strangers, whose commands are all denied, share one limit. */
const limits = new WeakMap<Env, Policy>();

function limitOf(env: Env): Policy {
  const limit = limits.get(env) ?? keyed(() => rateLimit({ limit: 300, per: "1m" }));
  limits.set(env, limit);
  return limit;
}

/** What was done must not be done again because its result was lost on its way. */
const persistent = retry({ attempts: 3, retryOn: () => true });

/** Commands of one's own, made for an environment. */
export type OwnCommands = (env: Env) => readonly RegisteredCommand[];

/** Sends commands to the control plane of an environment. */
export function commandsOf(env: Env, own?: OwnCommands): (command: Command) => Promise<CommandResult> {
  const control = controlOf(env);
  const results: CommandServiceOptions["results"] = {
    claim: (identity, id, asked) => control.claim(identity, id, asked),
    release: (identity, id) => control.release(identity, id),
    keepResult: (identity, result) => persistent.execute(() => control.keepResult(identity, result)),
  };
  const service = commandService({
    commands: definitions(env, own),
    audit: { append: (draft) => control.append(draft) },
    results,
  });
  // Outermost: what is over the limit costs the log nothing.
  const limited = compose(environment({ name: "control" }), limitOf(env)).wrap(async (command: Command) => {
    // Documents bring routes, circuits and limits, and this isolate may never have had a request for them. A stranger, who is
    // denied whatever there is, costs their home nothing.
    if (command.identity.scopes.length > 0) await gatewayOf(env).catchUp();
    return service(command);
  });
  return (command) => {
    const done = limited(command, { key: command.identity.name });
    // Its sender may be gone before it is done: half of it would be done, and nobody would be told what came of it.
    waitUntil(done.catch(() => {}));
    return done;
  };
}

/** The commands that this Worker knows, and those that somebody has added. */
export function definitions(env: Env, own: OwnCommands = () => []): RegisteredCommand[] {
  const plane = planeOf(env);
  return [
    ...documentCommands(plane),
    ...parameterCommands(plane),
    ...circuitCommands(env),
    ...limiterCommands(env),
    ...stateCommands(env),
    ...weightCommands(env),
    ...upstreamCommands(env),
    ...snapshotCommands(plane, heldCircuits(env)),
    ...auditCommands(env),
    ...own(env),
  ];
}
