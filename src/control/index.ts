export { longestName } from "../core/longest-name.ts";
export { type AuditDraft, type AuditLog, audited, chained, genesis, verify } from "./audit.ts";
export { authorised } from "./authorise.ts";
export { CommandError, type CommandFailure } from "./command-error.ts";
export {
  type Command,
  type CommandDefinition,
  type CommandServiceOptions,
  commandService,
  defineCommand,
  type RegisteredCommand,
  readCommand,
} from "./commands.ts";
export { DenialBound, type DenialBoundOptions, type DenialBoundState } from "./denial-bound.ts";
export { documentCommands } from "./document-commands.ts";
export { tellDocument } from "./document-events.ts";
export {
  type DocumentFollower,
  type DocumentFollowerOptions,
  type DocumentRefusal,
  documentFollower,
  type FollowedDocument,
} from "./document-follower.ts";
export {
  attempted,
  changed,
  configured,
  type DocumentChange,
  type DocumentHistory,
  type DocumentOutcome,
  type EndedOverride,
  inForce,
  replacing,
  restored,
  settled,
  versionsKept,
} from "./document-history.ts";
export {
  type DocumentPolicy,
  type DocumentPolicyOptions,
  documentPolicy,
  type Prepared,
} from "./document-policy.ts";
export { documentSchema, parameterSchema } from "./document-schemas.ts";
export {
  type DocumentSource,
  type DocumentsOverHttpOptions,
  documentsIn,
  documentsOverHttp,
  documentsProtocol,
  type NewsSocket,
} from "./document-sources.ts";
export {
  type DocumentStore,
  type DocumentStoreOptions,
  documentStore,
} from "./document-store.ts";
export { documentEdits, type WantedEdit } from "./document-update.ts";
export {
  type ConfiguredPolicy,
  type DocumentPlane,
  type DryRun,
  historyOf,
  parameterStates,
  policyDocuments,
} from "./documents.ts";
export { JwksError, type JwksOptions, jwks } from "./jwks.ts";
export { type JwtAlgorithm, type JwtOptions, jwtVerifier, type PublicKey } from "./jwt.ts";
export { livePolicy } from "./live-policy.ts";
export { type Claim, once, type ResultStore } from "./once.ts";
export { type DescribedRoute, openApi } from "./openapi.ts";
export { type EndedDocument, OverrideEnds } from "./override-ends.ts";
export { parameterCommands } from "./parameter-commands.ts";
export { type ListedParameter, listParameters } from "./parameter-list.ts";
export {
  type Difference,
  differences,
  type Parameter,
  type ParameterChanges,
  parameters,
  withParameter,
  withParameters,
} from "./parameters.ts";
export { treeText } from "./policy-tree.ts";
export {
  type Fields,
  flag,
  type JsonSchema,
  json,
  list,
  nullable,
  object,
  optional,
  record,
  refuse,
  type Schema,
  secret,
  span,
  text,
  wholeNumber,
} from "./schema.ts";
export { type HeldCircuits, snapshotCommands } from "./snapshot-commands.ts";
export {
  allows,
  anonymous,
  type Identity,
  identify,
  reaches,
  readTokens,
  sha256,
  type TokenRecord,
} from "./tokens.ts";
export { apiVersion, version } from "./version.ts";
export type {
  AuditEntry,
  AuditOutcome,
  CommandEnvelope,
  CommandResult,
  ParameterBounds,
  ParameterState,
  PolicyDocument,
  Problem,
} from "./wire.ts";
