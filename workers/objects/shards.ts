import { timeout } from "ninelives";
import { type AbsentShards, shardOf } from "ninelives/observer";
import type { ObserverObject } from "./observer-object.ts";

/** What the parent of shards finds in its environment. */
export interface ParentBindings {
  readonly OBSERVER: DurableObjectNamespace<ObserverObject>;
  readonly ALERTS?: string;
}

type Shard = DurableObjectStub<ObserverObject>;

/** What the shards that answered said, by their numbers, and which did not. */
interface Answers<T> {
  readonly answered: readonly (readonly [shard: number, answer: T])[];
  readonly absent: AbsentShards | undefined;
  /** What one of the absent threw. */
  readonly reason: unknown;
}

/** A shard that says nothing for so long does not answer. */
const patience = timeout("4s");

/** The shards of an observer, as their parent reaches them. */
export class Shards {
  readonly count: number;
  readonly #name: string;
  readonly #observers: ParentBindings["OBSERVER"];

  /** @param name of the parent, which ends in the number of its shards, as in `observer.4` */
  constructor(name: string | undefined, { OBSERVER }: ParentBindings) {
    this.#name = name ?? "";
    this.#observers = OBSERVER;
    this.count = Number(this.#name.split(".").at(-1));
  }

  /** The shard that has a policy to itself. */
  home(policy: string): Shard {
    return this.#shard(shardOf(policy, this.count));
  }

  /**
   * Asks all shards, or those with these numbers.
   *
   * @throws what a shard threw, when none answered
   */
  async ask<T>(
    question: (shard: Shard, number: number) => Promise<T>,
    numbers: readonly number[] = Array.from({ length: this.count }, (_, number) => number),
  ): Promise<Answers<T>> {
    const settled = await Promise.allSettled(
      numbers.map((number) => patience.execute(() => question(this.#shard(number), number))),
    );
    const answered = settled.flatMap((each, index) =>
      each.status === "fulfilled" ? [[numbers[index] as number, each.value] as const] : [],
    );
    if (answered.length === settled.length) return { answered, absent: undefined, reason: undefined };
    const [reason] = settled.flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : []));
    if (answered.length === 0) throw reason;
    console.warn("a shard of the observer does not answer", reason);
    const shards = numbers.filter((_, index) => settled[index]?.status === "rejected");
    return { answered, absent: { shards, of: this.count }, reason };
  }

  /** A new stub for each question: one that has failed goes on failing. */
  #shard(number: number): Shard {
    return this.#observers.getByName(`${this.#name}.${number}`);
  }
}
