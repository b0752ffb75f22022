import { DurableObject } from "cloudflare:workers";
import {
  type AuditDraft,
  type AuditEntry,
  type CommandResult,
  chained,
  genesis,
  type PolicyDocument,
  verify,
} from "ninelives/control";

/** Entries that are kept; older ones are dropped, and the chain then begins with the hash of the last one dropped. */
const auditKept = 10_000;
const resultsKept = 1_000;

/** What became of a change of a document. */
export type DocumentChange =
  | { readonly document: PolicyDocument }
  | { readonly conflict: { readonly expected: number; readonly found: number } };

/**
 * What the control plane must not lose: the audit log, the policy documents, the results of commands.
 */
export class ControlObject extends DurableObject<unknown> {
  readonly #sql: SqlStorage;
  /** Appends wait for each other: each hashes the one before. */
  #appending: Promise<unknown> = Promise.resolve();

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env);
    this.#sql = state.storage.sql;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS audit (
        seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, command TEXT NOT NULL, id TEXT NOT NULL,
        identity TEXT NOT NULL, args TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT, hash TEXT NOT NULL
      ) STRICT;
      CREATE TABLE IF NOT EXISTS documents (
        name TEXT PRIMARY KEY, text TEXT NOT NULL, version INTEGER NOT NULL,
        updatedAt INTEGER NOT NULL, updatedBy TEXT NOT NULL
      ) STRICT;
      CREATE TABLE IF NOT EXISTS results (
        identity TEXT NOT NULL, id TEXT NOT NULL, result TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (identity, id)
      ) STRICT;
    `);
  }

  append(draft: AuditDraft): Promise<AuditEntry> {
    const appended = this.#appending.then(() => this.#append(draft));
    this.#appending = appended.catch(() => {});
    return appended;
  }

  /** The newest entries first, and whether the whole log is intact. */
  async audit(limit: number): Promise<{ entries: AuditEntry[]; intact: boolean }> {
    const entries = this.#entries();
    const before = this.ctx.storage.kv.get<string>("audit-before") ?? genesis;
    const head = this.ctx.storage.kv.get<string>("audit-head") ?? genesis;
    const whole = await verify(entries, before);
    // The head is kept apart, so that entries missing at the end are missed.
    const intact = whole && (entries.at(-1)?.hash ?? before) === head;
    return { entries: entries.reverse().slice(0, limit), intact };
  }

  documents(): PolicyDocument[] {
    return this.#sql
      .exec<Record<keyof PolicyDocument, SqlStorageValue>>("SELECT * FROM documents ORDER BY name")
      .toArray() as unknown as PolicyDocument[];
  }

  /** Replaces a document if it still has the version that the sender saw; 0 for one that was never changed. */
  setDocument(name: string, text: string, expected: number, by: string): DocumentChange {
    const found = this.documents().find((document) => document.name === name)?.version ?? 0;
    if (found !== expected) return { conflict: { expected, found } };
    const document: PolicyDocument = { name, text, version: found + 1, updatedAt: Date.now(), updatedBy: by };
    this.#sql.exec(
      "INSERT OR REPLACE INTO documents (name, text, version, updatedAt, updatedBy) VALUES (?, ?, ?, ?, ?)",
      name,
      text,
      document.version,
      document.updatedAt,
      by,
    );
    return { document };
  }

  /** The result of a command that was done before. */
  result(identity: string, id: string): CommandResult | undefined {
    const row = this.#sql
      .exec<{ result: string }>("SELECT result FROM results WHERE identity = ? AND id = ?", identity, id)
      .toArray()[0];
    return row === undefined ? undefined : (JSON.parse(row.result) as CommandResult);
  }

  keepResult(identity: string, result: CommandResult): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO results (identity, id, result, at) VALUES (?, ?, ?, ?)",
      identity,
      result.id,
      JSON.stringify(result),
      Date.now(),
    );
    this.#sql.exec(
      // Rows are numbered as they come, and many may come within a millisecond.
      "DELETE FROM results WHERE rowid <= (SELECT rowid FROM results ORDER BY rowid DESC LIMIT 1 OFFSET ?)",
      resultsKept,
    );
  }

  async #append(draft: AuditDraft): Promise<AuditEntry> {
    const { kv } = this.ctx.storage;
    const before = kv.get<string>("audit-head") ?? genesis;
    const seq = (kv.get<number>("audit-seq") ?? 0) + 1;
    const unhashed = { seq, at: Date.now(), ...draft };
    const entry: AuditEntry = { ...unhashed, hash: await chained(before, unhashed) };
    // No await from here on: row, head and number are stored together or not at all.
    this.#sql.exec(
      "INSERT INTO audit (seq, at, command, id, identity, args, outcome, reason, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      entry.seq,
      entry.at,
      entry.command,
      entry.id,
      entry.identity,
      entry.args,
      entry.outcome,
      entry.reason,
      entry.hash,
    );
    kv.put("audit-head", entry.hash);
    kv.put("audit-seq", seq);
    this.#dropOldest(seq - auditKept);
    return entry;
  }

  #dropOldest(upTo: number): void {
    if (upTo <= 0) return;
    const last = this.#sql.exec<{ hash: string }>("SELECT hash FROM audit WHERE seq = ?", upTo).toArray()[0];
    if (last === undefined) return;
    this.ctx.storage.kv.put("audit-before", last.hash);
    this.#sql.exec("DELETE FROM audit WHERE seq <= ?", upTo);
  }

  #entries(): AuditEntry[] {
    return this.#sql
      .exec<Record<keyof AuditEntry, SqlStorageValue>>("SELECT * FROM audit ORDER BY seq")
      .toArray() as unknown as AuditEntry[];
  }
}
