/** Names that are remembered: more than make room for others within a quarter of an hour. */
const mostNames = 1_000;

/** The policies that made room for others, so that viewers forget them too. */
export class Forgotten {
  #names: readonly (readonly [policy: string, number: number])[] = [];

  /** @param number of the last event that there was then */
  add(policies: readonly string[], number: number): void {
    if (policies.length === 0) return;
    const added = policies.map((policy) => [policy, number] as const);
    this.#names = [...this.#names, ...added].slice(-mostNames);
  }

  /**
   * What one is to forget who knows the events up to a number, as the part of a message that says so.
   *
   * @param isKnown whether there is a policy of that name again
   */
  since(number: number, isKnown: (policy: string) => boolean): { readonly forgotten?: readonly string[] } {
    const gone = this.#names.filter(([policy, at]) => at >= number && !isKnown(policy));
    return gone.length === 0 ? {} : { forgotten: [...new Set(gone.map(([policy]) => policy))] };
  }
}
