import type { ObservedEvent, ObserverPart } from "ninelives/observer";
import type { ObserverParent } from "./observer-parent.ts";

/** What a shard tells its parent: what it knows now, with those policies only that changed, and what happened since. */
export interface ShardNews extends ObserverPart {
  readonly shard: number;
  readonly recent: readonly ObservedEvent[];
  readonly skipped: number;
  /** The policies that made room for others; absent where there are none. */
  readonly forgotten?: readonly string[];
}

/** What the objects of a sharded observer find in their environment. */
export interface ShardBindings {
  readonly OBSERVER_PARENT?: DurableObjectNamespace<ObserverParent>;
}

/** Who gave a shard its number, and wants to hear from it. Survives a restart. */
interface Watch {
  readonly parent: string;
  readonly shard: number;
}

/** The name of the parent of the object `observer.4.0`, which is `observer.4`; none where there is one observer. */
const parentOf = /^(.+\.\d+)\.\d+$/;

/** Names of policies that made room which are kept for a parent that cannot be reached. */
const mostForgotten = 1_000;

/** The way from a shard to its parent. */
export class ParentLink {
  readonly #kv: SyncKvStorage;
  readonly #parents: DurableObjectNamespace<ObserverParent> | undefined;
  readonly #name: string | undefined;
  #watch: Watch | undefined;
  /** Events that the parent did not take. */
  #missed = 0;
  #forgotten: readonly string[] = [];

  constructor({ storage, id }: DurableObjectState, { OBSERVER_PARENT }: ShardBindings) {
    this.#kv = storage.kv;
    this.#parents = OBSERVER_PARENT;
    this.#name = parentOf.exec(id.name ?? "")?.[1];
    this.#watch = this.#kv.get<Watch>("watch");
  }

  /** Whether this is one of several observers. */
  get isShard(): boolean {
    return this.#name !== undefined && this.#parents !== undefined;
  }

  /** Has the parent look at the policies that are not told apart: what all shards have of them is looked at together. */
  async lookAtOthers(): Promise<void> {
    if (this.#name === undefined || this.#parents === undefined) return;
    try {
      await this.#parents.getByName(this.#name).lookAtOthers();
    } catch (error) {
      console.warn("the observer's parent was not told", error);
    }
  }

  /** Whether somebody watches at the parent. */
  get watches(): boolean {
    return this.#watch !== undefined;
  }

  watch(parent: string, shard: number): void {
    this.#watch = { parent, shard };
    this.#kv.put("watch", this.#watch);
  }

  /** Tells the parent, which says whether anybody watches still. What it misses, viewers hear of as skipped. */
  async tell(news: Omit<ShardNews, "shard">): Promise<void> {
    if (this.#watch === undefined || this.#parents === undefined) return;
    const { parent, shard } = this.#watch;
    const skipped = news.skipped + this.#missed;
    const forgotten = [...this.#forgotten, ...(news.forgotten ?? [])];
    this.#missed = 0;
    this.#forgotten = [];
    try {
      // A new stub for each: one that has failed goes on failing.
      const stub = this.#parents.get(this.#parents.idFromString(parent));
      if (await stub.tell({ ...news, shard, skipped, forgotten })) return;
      this.#watch = undefined;
      this.#kv.delete("watch");
    } catch (error) {
      this.#missed += skipped + news.recent.length;
      // Another telling may be under way, and come to the same.
      this.#forgotten = [...forgotten, ...this.#forgotten].slice(-mostForgotten);
      console.warn("the observer's parent was not told", error);
    }
  }
}
