import { DurableObject } from "cloudflare:workers";
import {
  type AuditDraft,
  type AuditEntry,
  anonymous,
  type Claim,
  type CommandResult,
  type DocumentChange,
  type DocumentHistory,
  type DocumentOutcome,
  documentsProtocol,
  inForce,
  type PolicyDocument,
  replacing,
} from "ninelives/control";
import { AuditTable } from "./audit-table.ts";
import { endOf, expired, keepUntil } from "./connection.ts";
import { Denials } from "./denials.ts";
import { DocumentTable } from "./document-table.ts";
import { PollPace } from "./poll-pace.ts";

const resultsKept = 1_000;
/** Who follows the documents by WebSocket. */
const mostFollowers = 10_000;
/** Milliseconds after which the object looks for ends, however far they are. */
const longestSleep = 86_400_000;
/** Milliseconds after which a claim is void: whoever made it is gone. */
const claimFor = 60_000;

/** What an isolate gets that asks for documents. */
export interface PolledDocuments {
  /** Grows with each change of any. */
  readonly revision: number;
  /** Those in force; absent when none has changed since the revision that was seen. */
  readonly documents?: readonly PolicyDocument[];
  /** Milliseconds after which it should ask again. */
  readonly nextIn: number;
}

/**
 * What the control plane must not lose: the audit log, the policy documents, the results of commands.
 */
export class ControlObject extends DurableObject<unknown> {
  readonly #sql: SqlStorage;
  readonly #documents: DocumentTable;
  readonly #audit: AuditTable;
  readonly #denials: Denials;
  readonly #pace = new PollPace();
  /** The documents in force, and until when they are. */
  #inForce: { readonly documents: readonly PolicyDocument[]; readonly until: number } | undefined;

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env);
    this.#sql = state.storage.sql;
    this.#audit = new AuditTable(state.storage);
    this.#denials = new Denials(state.storage.kv);
    this.#documents = new DocumentTable(this.#sql, () => this.#changed());
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS ids (
        identity TEXT NOT NULL, id TEXT NOT NULL, asked TEXT NOT NULL, result TEXT, at INTEGER NOT NULL,
        PRIMARY KEY (identity, id)
      ) STRICT;
      DROP TABLE IF EXISTS results;
    `);
  }

  /** Who follows the documents comes, by WebSocket, and hears when there is news. The Worker has checked that they may. */
  override fetch(request: Request): Response {
    if (this.ctx.getWebSockets().length >= mostFollowers) return new Response(null, { status: 503 });
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    this.ctx.acceptWebSocket(server);
    keepUntil(server, endOf(request));
    const headers = { "sec-websocket-protocol": documentsProtocol };
    return new Response(null, { status: 101, webSocket: client, headers });
  }

  /** Writes an entry, or only counts it where strangers are denied too often. */
  append(draft: AuditDraft): Promise<AuditEntry | null> {
    return this.#write(draft, draft.outcome === "denied" && draft.identity === anonymous.name);
  }

  /** Writes that somebody was denied what is no command, or only counts it where they are too often, whoever they are. */
  async deny(draft: AuditDraft): Promise<void> {
    await this.#write(draft, true);
  }

  async #write(draft: AuditDraft, bounded: boolean): Promise<AuditEntry | null> {
    const now = Date.now();
    for (const told of this.#denials.take(now)) void this.#audit.append(told);
    if (!bounded || this.#denials.admits(draft, now)) return this.#audit.append(draft);
    await this.#wake();
    return null;
  }

  /** The newest entries first, and whether their chain holds, from the oldest of them to the log's head. */
  audit(limit: number): Promise<{ entries: AuditEntry[]; intact: boolean }> {
    return this.#audit.newest(limit);
  }

  /** Hashes the whole log anew: whether it is intact, and how many entries it has. */
  verify(): Promise<{ intact: boolean; entries: number }> {
    return this.#audit.verify();
  }

  /** Entries after one, oldest first, with the hash that the first of them follows. */
  exported(after: number, limit: number): { before: string; entries: AuditEntry[]; more: boolean } {
    return this.#audit.exported(after, limit);
  }

  /**
   * The documents in force, for an isolate that asks again and again.
   *
   * @param seen the revision that it has: when that is still the newest, it gets no documents
   * @param once whether it asks for a command or a reader, who take no turn of those that ask again: the others would wait for
   *   longer
   */
  poll(seen?: number, once = false): PolledDocuments {
    const nextIn = once ? 0 : this.#pace.book(Date.now());
    const documents = this.documents();
    const revision = this.#revision;
    return seen === revision ? { revision, nextIn } : { revision, nextIn, documents };
  }

  documents(): readonly PolicyDocument[] {
    return this.#current().documents;
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
   * @param options.holds milliseconds after which the change takes itself back
   * @param options.beneath of a change that stays, what it comes to beneath an override
   * @param options.original what the configuration says, the version 0
   */
  async setDocument(
    name: string,
    text: string,
    expected: number,
    by: string,
    {
      original = "",
      ...how
    }: Pick<DocumentChange, "holds" | "beneath"> & { readonly original?: string } = {},
  ): Promise<DocumentOutcome> {
    const outcome = this.#documents.change(name, original, { text, expected, by, ...how }, Date.now());
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
  ): Promise<readonly PolicyDocument[]> {
    const histories = replacing(snapshots, originals, (name) => this.history(name), Date.now());
    for (const history of histories) this.#documents.put(history);
    await this.#wake();
    return this.documents();
  }

  /** Ends overrides whose time is over (who reads before it comes sees them ended too), and tells what was counted. */
  override async alarm(): Promise<void> {
    await Promise.all(this.#denials.take(Date.now()).map((told) => this.#audit.append(told)));
    await this.#wake();
  }

  /** Claims a command's id for whoever asks first; the others hear that it is under way, or its result. */
  claim(identity: string, id: string, asked: string): Claim {
    const now = Date.now();
    const row = this.#sql
      .exec<{ asked: string; result: string | null; at: number }>(
        "SELECT asked, result, at FROM ids WHERE identity = ? AND id = ?",
        identity,
        id,
      )
      .toArray()[0];
    if (row !== undefined && row.result !== null)
      return { state: "done", asked: row.asked, result: JSON.parse(row.result) as CommandResult };
    if (row !== undefined && now - row.at < claimFor) return { state: "busy", asked: row.asked };
    // Stored, so that an object that restarts while a command is under way does not have it done twice.
    this.#sql.exec(
      "INSERT OR REPLACE INTO ids (identity, id, asked, at) VALUES (?, ?, ?, ?)",
      identity,
      id,
      asked,
      now,
    );
    return { state: "claimed" };
  }

  /** Gives an id free again: its command failed. */
  release(identity: string, id: string): void {
    this.#sql.exec("DELETE FROM ids WHERE identity = ? AND id = ? AND result IS NULL", identity, id);
  }

  keepResult(identity: string, result: CommandResult): void {
    this.#sql.exec(
      "UPDATE ids SET result = ?, at = ? WHERE identity = ? AND id = ?",
      JSON.stringify(result),
      Date.now(),
      identity,
      result.id,
    );
    this.#sql.exec(
      // Rows are numbered as they come, and many may come within a millisecond.
      "DELETE FROM ids WHERE rowid <= (SELECT rowid FROM ids ORDER BY rowid DESC LIMIT 1 OFFSET ?)",
      resultsKept,
    );
  }

  /** How often any document has changed. */
  get #revision(): number {
    return this.ctx.storage.kv.get<number>("documents-revision") ?? 0;
  }

  /** Reads all only where one has changed: strangers who are denied, too, make it look when the next override ends. */
  #current(): { readonly documents: readonly PolicyDocument[]; readonly until: number } {
    if (this.#inForce === undefined || Date.now() >= this.#inForce.until) {
      const documents = this.histories().map(inForce);
      const until = Math.min(...documents.map((each) => each.until ?? Number.POSITIVE_INFINITY));
      this.#inForce = { documents, until };
    }
    return this.#inForce;
  }

  #changed(): void {
    this.ctx.storage.kv.put("documents-revision", this.#revision + 1);
    this.#inForce = undefined;
    this.#tell();
  }

  #tell(): void {
    for (const follower of this.ctx.getWebSockets()) {
      try {
        // It says no more than that, so that who has to show a token again may hear it: to ask is to show one.
        follower.send("news");
        expired(follower);
      } catch {
        // It is gone, and asks again when it is back.
      }
    }
  }

  async #wake(): Promise<void> {
    const next = Math.min(this.#current().until, this.#denials.dueAt ?? Number.POSITIVE_INFINITY);
    // The platform takes no time beyond some hundred years, and who wakes too early looks again.
    if (next < Number.POSITIVE_INFINITY)
      await this.ctx.storage.setAlarm(Math.min(next, Date.now() + longestSleep));
    else await this.ctx.storage.deleteAlarm();
  }
}
