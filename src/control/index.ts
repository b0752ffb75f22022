export { type AuditDraft, type AuditLog, audited, chained, genesis, verify } from "./audit.ts";
export { authorised } from "./authorise.ts";
export {
  type Command,
  type CommandDefinition,
  CommandError,
  type CommandFailure,
  type CommandServiceOptions,
  commandService,
  defineCommand,
  type RegisteredCommand,
  readCommand,
  textArgument,
} from "./commands.ts";
export { livePolicy } from "./live-policy.ts";
export { type Claim, once, type ResultStore } from "./once.ts";
export {
  allows,
  anonymous,
  type Identity,
  identify,
  readTokens,
  sha256,
  type TokenRecord,
} from "./tokens.ts";
export type {
  AuditEntry,
  AuditOutcome,
  CommandEnvelope,
  CommandResult,
  PolicyDocument,
  Problem,
} from "./wire.ts";
