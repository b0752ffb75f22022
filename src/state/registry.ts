/** An endpoint that keeps itself registered. */
export interface Registered {
  readonly name: string;
  readonly url: string;
  readonly weight: number;
  readonly priority: number;
  /** Milliseconds that it stays without a heartbeat. */
  readonly ttl: number;
}

/** As it is stored. */
export interface RegisteredUntil extends Registered {
  /** By the registry's clock. */
  readonly until: number;
}

/** Milliseconds. */
const shortest = 1_000;
const longest = 30_000;

/** Who is there: each for as long as it says so, again and again. */
export class Registry {
  readonly #members = new Map<string, RegisteredUntil>();
  #now = -Infinity;

  /** Takes a member in, or takes its heartbeat. */
  renew(member: Registered, now: number): RegisteredUntil {
    const renewed = { ...member, until: this.#at(now) + member.ttl };
    this.#members.set(member.name, renewed);
    return renewed;
  }

  /** @returns whether it was there */
  leave(name: string): boolean {
    return this.#members.delete(name);
  }

  /** Those who are there, by name; the others are forgotten. */
  members(now: number): Registered[] {
    this.expire(now);
    return [...this.#members.values()]
      .map(({ until: _, ...member }) => member)
      .sort((one, other) => one.name.localeCompare(other.name));
  }

  /** Forgets those who have been silent for too long, and gives their names. */
  expire(now: number): string[] {
    const at = this.#at(now);
    const gone = [...this.#members.values()].filter(({ until }) => until <= at).map(({ name }) => name);
    for (const name of gone) this.#members.delete(name);
    return gone;
  }

  /** When the next of them is forgotten, unless it says something. */
  ends(): number | undefined {
    return this.#members.size === 0 ? undefined : Math.min(...this.#untils());
  }

  /** Milliseconds after which whoever follows should ask again: a third of the shortest time that a member gives itself. */
  holds(): number {
    const ttls = [...this.#members.values()].map(({ ttl }) => ttl / 3);
    return Math.max(shortest, Math.min(longest, ...ttls));
  }

  get size(): number {
    return this.#members.size;
  }

  restore(members: Iterable<RegisteredUntil>): void {
    for (const member of members) this.#members.set(member.name, member);
  }

  #untils(): number[] {
    return [...this.#members.values()].map(({ until }) => until);
  }

  /** Time only moves forward: where a clock jumps back, nobody stays for longer. */
  #at(now: number): number {
    this.#now = Math.max(this.#now, now);
    return this.#now;
  }
}
