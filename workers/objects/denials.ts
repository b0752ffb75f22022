import { type AuditDraft, anonymous, DenialBound, type DenialBoundState } from "ninelives/control";

/** Of those who are known fewer are written down: a page that nobody looks at goes on asking for days. */
const ofKnown = { written: 20, within: 3_600_000 } as const;
/** Those who are known and told apart; the others count as strangers do. */
const mostKnown = 1_000;
const prefix = "denied ";

/** Bounds what denials write into the audit log: strangers together, and those who are known each by themselves. */
export class Denials {
  readonly #kv: SyncKvStorage;
  readonly #strangers = new DenialBound();
  /** By name. Kept, since the object sleeps between two denials of one who asks every minute. */
  readonly #known: Map<string, DenialBound>;

  constructor(kv: SyncKvStorage) {
    this.#kv = kv;
    this.#known = new Map(
      [...kv.list<DenialBoundState>({ prefix })].map(([key, state]) => [
        key.slice(prefix.length),
        new DenialBound({ ...ofKnown, state }),
      ]),
    );
  }

  /** Whether a denial is one to write down; else it is counted. */
  admits({ identity }: Pick<AuditDraft, "identity">, now: number): boolean {
    const known = this.#known.get(identity);
    if (identity === anonymous.name || (known === undefined && this.#known.size >= mostKnown))
      return this.#strangers.admits(now);
    const bound = known ?? new DenialBound(ofKnown);
    const admitted = bound.admits(now);
    this.#known.set(identity, bound);
    this.#kv.put(prefix + identity, bound.state);
    return admitted;
  }

  /** When what was counted is to be told next; `undefined` where nothing was. */
  get dueAt(): number | undefined {
    const due = [this.#strangers, ...this.#known.values()].flatMap((bound) => bound.dueAt ?? []);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** What was counted and is to be told now, as an entry for each; it is then forgotten. */
  take(now: number): AuditDraft[] {
    const told = [toldTogether(anonymous.name, this.#strangers.take(now), "a minute")];
    for (const [identity, bound] of this.#known) {
      if (!bound.isOver(now)) continue;
      told.push(toldTogether(identity, bound.take(now), "an hour"));
      this.#known.delete(identity);
      this.#kv.delete(prefix + identity);
    }
    return told.flat();
  }
}

function toldTogether(identity: string, counted: number, within: string): AuditDraft[] {
  if (counted === 0) return [];
  const reason = `${counted} more were denied within ${within}`;
  return [{ command: "*", id: "*", identity, args: "{}", outcome: "denied", reason }];
}
