/** What is sent to `POST /v1/commands`. */
export interface CommandEnvelope {
  /** Chosen by the sender. The same id gets the same result and is done once. */
  readonly id: string;
  /** Such as `circuit.open`. */
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** The answer to a command that was done. One that was not is answered by a `Problem`. */
export interface CommandResult {
  readonly id: string;
  readonly name: string;
  readonly value: unknown;
}

/** A problem document (RFC 9457), served as `application/problem+json`. */
export interface Problem {
  /** A name under `urn:ninelives:problem:`, such as `urn:ninelives:problem:unknown-upstream`. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly [member: string]: unknown;
}

/** A named policy as text, with its version. Served by `GET /v1/policies` as `{ policies: PolicyDocument[] }`. */
export interface PolicyDocument {
  readonly name: string;
  /** The text form, as `parse` reads it. */
  readonly text: string;
  /** Grows by one with each change; 0 is what the configuration says. */
  readonly version: number;
  readonly updatedAt: number | null;
  readonly updatedBy: string | null;
  /** Milliseconds since 1970 at which this override takes itself back. */
  readonly until?: number;
  /** What comes back then, and the version that said so: who cannot ask any more goes by it. */
  readonly beneath?: { readonly version: number; readonly text: string };
}

/** What a parameter may be set to. Bounds of durations are milliseconds. */
export interface ParameterBounds {
  /**
   * `whole` and `number` are numbers, `flag` is true or false, `window` a number of calls or a duration, `choice` one of its
   * `choices` (or, with bounds, a number), `expression` whatever a text may have there.
   */
  readonly kind: "whole" | "number" | "duration" | "flag" | "window" | "choice" | "expression";
  readonly unit?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  /** It must be more than the minimum. */
  readonly exclusiveMinimum?: true;
  readonly choices?: readonly string[];
}

/** One value of a policy. Served by `GET /v1/parameters` as `{ parameters: ParameterState[] }`. */
export interface ParameterState extends ParameterBounds {
  /** Such as `prices/retry.attempts`, or `prices/retry.backoff.factor`. */
  readonly path: string;
  /** As a text has it, such as `3`, `250ms` or `"full"`; `null` where nothing is set. */
  readonly value: string | null;
  /** Whether the document says it. Else the default holds. */
  readonly given: boolean;
  readonly default: string | null;
  /** The version of the document. */
  readonly version: number;
}

/** What became of a command. `requested` stands before it is done, so that nothing is done without a trace. */
export type AuditOutcome = "requested" | "done" | "denied" | "failed";

/** One line of the audit log. Served by `GET /v1/audit` as `{ entries: AuditEntry[], intact: boolean }`, newest first. */
export interface AuditEntry {
  readonly seq: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly command: string;
  readonly id: string;
  /** The name of the token's owner, or `anonymous`. */
  readonly identity: string;
  /** JSON of the arguments, cut off after 1000 characters. */
  readonly args: string;
  readonly outcome: AuditOutcome;
  readonly reason: string | null;
  /** SHA-256 in hex over the hash before and this entry. */
  readonly hash: string;
}
