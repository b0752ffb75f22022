import { type AuditDraft, type AuditEntry, chained, genesis, verify } from "ninelives/control";

/** Entries that are kept; older ones are dropped, and the chain then begins with the hash of the last one dropped. */
const auditKept = 10_000;

/** The audit log of the control plane, in the tables of its object: append-only and hash-chained. */
export class AuditTable {
  readonly #storage: DurableObjectStorage;
  #appending: Promise<unknown> = Promise.resolve();

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    storage.sql.exec(`
      CREATE TABLE IF NOT EXISTS audit (
        seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, command TEXT NOT NULL, id TEXT NOT NULL,
        identity TEXT NOT NULL, args TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT, hash TEXT NOT NULL
      ) STRICT;
      CREATE TRIGGER IF NOT EXISTS audit_unchanged BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
      CREATE TRIGGER IF NOT EXISTS audit_kept BEFORE DELETE ON audit
        WHEN OLD.seq > (SELECT MAX(seq) FROM audit) - ${auditKept}
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    `);
  }

  /** The newest entries first, and whether their chain holds, from the oldest of them to the log's head. */
  async newest(limit: number): Promise<{ entries: AuditEntry[]; intact: boolean }> {
    const found = this.#storage.sql
      .exec<Record<keyof AuditEntry, SqlStorageValue>>(
        "SELECT * FROM audit ORDER BY seq DESC LIMIT ?",
        limit + 1,
      )
      .toArray() as unknown as AuditEntry[];
    const entries = found.slice(0, limit);
    const intact = await this.#holds(entries.toReversed(), found[limit]);
    return { entries, intact };
  }

  /** Hashes the whole log anew: whether it is intact, and how many entries it has. */
  async verify(): Promise<{ intact: boolean; entries: number }> {
    const entries = this.#entries();
    return { intact: await this.#holds(entries, undefined), entries: entries.length };
  }

  /** Entries after one, oldest first, with the hash that the first of them follows. */
  exported(after: number, limit: number): { before: string; entries: AuditEntry[]; more: boolean } {
    const { kv } = this.#storage;
    const found = this.#storage.sql
      .exec<Record<keyof AuditEntry, SqlStorageValue>>(
        "SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?",
        after,
        limit + 1,
      )
      .toArray() as unknown as AuditEntry[];
    const known = this.#storage.sql
      .exec<{ hash: string }>("SELECT hash FROM audit WHERE seq = ?", after)
      .toArray()[0];
    const before = known?.hash ?? kv.get<string>("audit-before") ?? genesis;
    return { before, entries: found.slice(0, limit), more: found.length > limit };
  }

  /** Writes an entry. Appends wait for each other: each hashes the one before. */
  append(draft: AuditDraft): Promise<AuditEntry> {
    const appended = this.#appending.then(() => this.#append(draft));
    this.#appending = appended.catch(() => {});
    return appended;
  }

  /** Whether entries, oldest first, follow the one before them, or else the last one dropped, up to the log's head. */
  async #holds(entries: readonly AuditEntry[], previous: AuditEntry | undefined): Promise<boolean> {
    const { kv } = this.#storage;
    const before = previous?.hash ?? kv.get<string>("audit-before") ?? genesis;
    // The head is kept apart, so that entries missing at the end are missed; it is read with the rows, before any await.
    const head = kv.get<string>("audit-head") ?? genesis;
    const follows = previous === undefined || entries[0]?.seq === previous.seq + 1;
    return follows && (entries.at(-1)?.hash ?? before) === head && (await verify(entries, before));
  }

  async #append(draft: AuditDraft): Promise<AuditEntry> {
    const { kv } = this.#storage;
    const before = kv.get<string>("audit-head") ?? genesis;
    const seq = (kv.get<number>("audit-seq") ?? 0) + 1;
    const unhashed = { seq, at: Date.now(), ...draft };
    const entry: AuditEntry = { ...unhashed, hash: await chained(before, unhashed) };
    // No await from here on: row, head and number are stored together or not at all.
    this.#storage.sql.exec(
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
    const last = this.#storage.sql
      .exec<{ hash: string }>("SELECT hash FROM audit WHERE seq = ?", upTo)
      .toArray()[0];
    if (last === undefined) return;
    this.#storage.kv.put("audit-before", last.hash);
    this.#storage.sql.exec("DELETE FROM audit WHERE seq <= ?", upTo);
  }

  #entries(): AuditEntry[] {
    return this.#storage.sql
      .exec<Record<keyof AuditEntry, SqlStorageValue>>("SELECT * FROM audit ORDER BY seq")
      .toArray() as unknown as AuditEntry[];
  }
}
