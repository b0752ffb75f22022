import { type AuditDraft, anonymous, DenialBound, type DenialBoundState } from "ninelives/control";

/** Of those who are known fewer are written down: a page that nobody looks at goes on asking for days. */
const ofKnown = { written: 20, within: 3_600_000 } as const;
/** Those who are known and told apart; the others count as strangers do. */
const mostKnown = 1_000;
const prefix = "denied ";
const strangers = "strangers-denied";

/**
 * Bounds what denials write into the audit log: strangers together, and those who are known each by themselves.
 *
 * What was counted is stored: the object may sleep before it is told, and between two denials of one who asks every minute.
 */
export class Denials {
  readonly #kv: SyncKvStorage;
  readonly #strangers: DenialBound;
  /** By name. */
  readonly #known: Map<string, DenialBound>;

  constructor(kv: SyncKvStorage) {
    this.#kv = kv;
    const state = kv.get<DenialBoundState>(strangers);
    this.#strangers = new DenialBound(state && { state });
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
    if (identity === anonymous.name || (known === undefined && this.#known.size >= mostKnown)) {
      const admitted = this.#strangers.admits(now);
      this.#kv.put(strangers, this.#strangers.state);
      return admitted;
    }
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
    const counted = this.#strangers.take(now);
    if (counted > 0) this.#kv.delete(strangers);
    const told = [toldTogether(anonymous.name, counted, "a minute")];
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
