import {
  attempted,
  configured,
  type DocumentChange,
  type DocumentHistory,
  type DocumentOutcome,
  inForce,
  settled,
} from "ninelives/control";

/** The documents of the control plane with their versions, in the tables of its object. */
export class DocumentTable {
  readonly #sql: SqlStorage;
  readonly #onChange: () => void;

  constructor(sql: SqlStorage, onChange: () => void) {
    this.#sql = sql;
    this.#onChange = onChange;
    sql.exec("CREATE TABLE IF NOT EXISTS histories (name TEXT PRIMARY KEY, history TEXT NOT NULL) STRICT");
  }

  /** All that were ever changed, by name. Overrides whose time is over have ended by then. */
  histories(now: number): DocumentHistory[] {
    return this.#sql
      .exec<{ history: string }>("SELECT history FROM histories ORDER BY name")
      .toArray()
      .map(({ history }) => this.#settled(JSON.parse(history), now));
  }

  history(name: string, now: number): DocumentHistory | undefined {
    const row = this.#sql
      .exec<{ history: string }>("SELECT history FROM histories WHERE name = ?", name)
      .toArray()[0];
    return row && this.#settled(JSON.parse(row.history), now);
  }

  /** Replaces a document if it still has the version that the sender saw; 0 for one that was never changed. */
  change(name: string, original: string, change: DocumentChange, now: number): DocumentOutcome {
    const history = this.history(name, now) ?? configured(name, original);
    const { outcome, after } = attempted(history, change, now);
    if (after !== undefined) this.put(after);
    return outcome;
  }

  put(history: DocumentHistory): void {
    const { name } = inForce(history);
    this.#sql.exec(
      "INSERT OR REPLACE INTO histories (name, history) VALUES (?, ?)",
      name,
      JSON.stringify(history),
    );
    this.#onChange();
  }

  #settled(history: DocumentHistory, now: number): DocumentHistory {
    const next = settled(history, now);
    if (next !== history) this.put(next);
    return next;
  }
}
