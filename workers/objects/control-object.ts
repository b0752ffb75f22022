import { DurableObject } from "cloudflare:workers";
import {
  type AuditDraft,
  type AuditEntry,
  type Claim,
  type CommandResult,
  chained,
  type DocumentHistory,
  genesis,
  inForce,
  type PolicyDocument,
  restored,
  verify,
} from "ninelives/control";
import { type DocumentOutcome, DocumentTable, shown } from "./document-table.ts";

/** Entries that are kept; older ones are dropped, and the chain then begins with the hash of the last one dropped. */
const auditKept = 10_000;
const resultsKept = 1_000;
/** Milliseconds after which a claim is void: whoever made it is gone. */
const claimFor = 60_000;

/**
 * What the control plane must not lose: the audit log, the policy documents, the results of commands.
 */
export class ControlObject extends DurableObject<unknown> {
  readonly #sql: SqlStorage;
  readonly #documents: DocumentTable;
  /** When the ids of commands under way were claimed. */
  readonly #claims = new Map<string, number>();
  /** Appends wait for each other: each hashes the one before. */
  #appending: Promise<unknown> = Promise.resolve();

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env);
    this.#sql = state.storage.sql;
    this.#documents = new DocumentTable(this.#sql);
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS audit (
        seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, command TEXT NOT NULL, id TEXT NOT NULL,
        identity TEXT NOT NULL, args TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT, hash TEXT NOT NULL
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
    return this.histories().map(shown);
  }

  /** The documents that were ever changed, each with the versions that are kept, oldest first. */
  histories(): DocumentHistory[] {
    return this.#documents.histories(Date.now());
  }

  history(name: string): DocumentHistory | undefined {
    return this.#documents.history(name, Date.now());
  }

  /**
   * Replaces a document if it still has the version that the sender saw; 0 for one that was never changed.
   *
   * @param holds milliseconds after which the change takes itself back
   * @param original what the configuration says, the version 0
   */
  async setDocument(
    name: string,
    text: string,
    expected: number,
    by: string,
    { holds, original = "" }: { readonly holds?: number | undefined; readonly original?: string } = {},
  ): Promise<DocumentOutcome> {
    const outcome = this.#documents.change(name, original, { text, expected, by, holds }, Date.now());
    await this.#wake();
    return outcome;
  }

  /**
   * Puts the documents of a snapshot in the place of all; those that it lacks go back to what the configuration says.
   *
   * @returns the documents as they are now in force
   */
  async restore(
    snapshots: readonly DocumentHistory[],
    originals: readonly DocumentHistory[],
  ): Promise<PolicyDocument[]> {
    const now = Date.now();
    const named = new Map(snapshots.map((snapshot) => [inForce(snapshot).name, snapshot]));
    for (const original of originals) {
      const { name } = inForce(original);
      const current = this.history(name);
      const snapshot = named.get(name) ?? (current && original);
      if (snapshot !== undefined) this.#documents.put(restored(snapshot, current, now));
    }
    await this.#wake();
    return this.documents();
  }

  /** Ends overrides whose time is over; who reads before it comes sees them ended too. */
  override async alarm(): Promise<void> {
    await this.#wake();
  }

  /** Claims a command's id for whoever asks first; the others hear that it is under way, or its result. */
  claim(identity: string, id: string): Claim {
    const row = this.#sql
      .exec<{ result: string }>("SELECT result FROM results WHERE identity = ? AND id = ?", identity, id)
      .toArray()[0];
    if (row !== undefined) return { state: "done", result: JSON.parse(row.result) as CommandResult };
    const key = JSON.stringify([identity, id]);
    const now = Date.now();
    if (now - (this.#claims.get(key) ?? -Infinity) < claimFor) return { state: "busy" };
    this.#claims.set(key, now);
    return { state: "claimed" };
  }

  /** Gives an id free again: its command failed. */
  release(identity: string, id: string): void {
    this.#claims.delete(JSON.stringify([identity, id]));
  }

  keepResult(identity: string, result: CommandResult): void {
    this.release(identity, result.id);
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

  async #wake(): Promise<void> {
    const ends = this.histories().flatMap((history) => inForce(history).until ?? []);
    if (ends.length > 0) await this.ctx.storage.setAlarm(Math.min(...ends));
    else await this.ctx.storage.deleteAlarm();
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
