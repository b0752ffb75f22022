import { DurableObject } from "cloudflare:workers";
import { type Registered, type RegisteredUntil, Registry } from "ninelives/upstreams";

/** What stays registered at a time for one service. */
const mostMembers = 1_000;

/** Who is there now, and in how many milliseconds to ask again. */
export interface RegisteredNow {
  readonly members: readonly Registered[];
  readonly holds: number;
}

/**
 * The registry of one service, reached by its name: endpoints that are there for as long as they say so.
 *
 * Every heartbeat is stored, so that nobody is forgotten because the object was restarted.
 */
export class RegistryObject extends DurableObject<unknown> {
  readonly #registry = new Registry();

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env);
    this.#registry.restore(
      [...state.storage.kv.list<RegisteredUntil>({ prefix: "member:" })].map(([, each]) => each),
    );
  }

  /** Takes a member in, or its heartbeat. @returns whether there was room for it */
  async renew(member: Registered): Promise<boolean> {
    const now = Date.now();
    this.#expire(now);
    const known = this.#registry.members(now).some(({ name }) => name === member.name);
    if (!known && this.#registry.size >= mostMembers) return false;
    this.ctx.storage.kv.put(`member:${member.name}`, this.#registry.renew(member, now));
    if ((await this.ctx.storage.getAlarm()) === null) await this.#wake();
    return true;
  }

  /** @returns whether it was there */
  leave(name: string): boolean {
    this.ctx.storage.kv.delete(`member:${name}`);
    return this.#registry.leave(name);
  }

  members(): RegisteredNow {
    this.#expire(Date.now());
    return { members: this.#registry.members(Date.now()), holds: this.#registry.holds() };
  }

  /** Forgets those who have been silent, so that a service that is no more leaves nothing behind. */
  override async alarm(): Promise<void> {
    this.#expire(Date.now());
    await this.#wake();
  }

  #expire(now: number): void {
    for (const name of this.#registry.expire(now)) this.ctx.storage.kv.delete(`member:${name}`);
  }

  async #wake(): Promise<void> {
    const at = this.#registry.ends();
    if (at !== undefined) await this.ctx.storage.setAlarm(at);
  }
}
