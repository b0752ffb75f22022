const mostReporters = 1_000;
/** Milliseconds after which a source that says nothing more does not count. */
const stays = 60_000;

/**
 * A text's mark: 30 bits by FNV-1a, for numbers take a fifth of the room that texts do. Of a thousand sources two have the
 * same in one case of two thousand, and then count for one.
 */
export function markOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  return (hash ^ (hash >>> 30)) & 0x3fffffff;
}

/** Who told of a policy, and when: plain JSON, whoever was heard last comes last. */
export interface ReportersSnapshot {
  /** Milliseconds since 1970. */
  readonly since: number;
  /** In milliseconds since then. */
  readonly heard: readonly (readonly [mark: number, after: number])[];
}

/** The sources that told of a policy within the last minute, at most a thousand. */
export class Reporters {
  /** By their marks, when they were last heard, in milliseconds since the first: whoever was heard last comes last. */
  readonly #heard = new Map<number, number>();
  #since = 0;
  #lastMark = -1;
  #lastAt = 0;

  saw(mark: number, now: number): void {
    // The events of a batch have one source and one time.
    if (mark === this.#lastMark && now === this.#lastAt) return;
    this.#lastMark = mark;
    this.#lastAt = now;
    const heard = this.#heard;
    if (heard.size === 0) this.#since = now;
    heard.delete(mark);
    for (const [oldest, at] of heard) {
      if (heard.size < mostReporters && this.#since + at > now - stays) break;
      heard.delete(oldest);
    }
    heard.set(mark, now - this.#since);
  }

  count(now: number): number {
    let count = 0;
    for (const at of this.#heard.values()) if (now - this.#since - at < stays) count++;
    return count;
  }

  /** Those of the last minute before anybody was heard last. */
  snapshot(): ReportersSnapshot {
    const heard = [...this.#heard];
    const last = heard.at(-1)?.[1] ?? 0;
    return { since: this.#since, heard: heard.filter(([, after]) => last - after < stays) };
  }

  /** Adds what a snapshot holds to what is known. */
  restore({ since, heard }: ReportersSnapshot): void {
    const own = [...this.#heard].map(([mark, after]) => [mark, this.#since + after] as const);
    const others = heard.map(([mark, after]) => [mark, since + after] as const);
    this.#heard.clear();
    this.#lastMark = -1;
    for (const [mark, at] of [...own, ...others].sort((one, other) => one[1] - other[1])) this.saw(mark, at);
  }
}
