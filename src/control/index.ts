export type {
  AuditEntry,
  AuditOutcome,
  CommandEnvelope,
  CommandResult,
  PolicyDocument,
  Problem,
} from "./wire.ts";
