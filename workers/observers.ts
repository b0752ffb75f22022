import type { Env } from "./env.ts";
import { inTime } from "./homes.ts";
import type { Told } from "./telling.ts";

const name = "observer";
const mostShards = 16;

/** How many Durable Objects the observer is spread over. @throws TypeError when the configuration is wrong */
export function readShards({
  OBSERVER_SHARDS: text,
  OBSERVER_PARENT,
}: Pick<Env, "OBSERVER_SHARDS" | "OBSERVER_PARENT">): number {
  const shards = text === undefined || text.trim() === "" ? 1 : Number(text);
  if (!Number.isInteger(shards) || shards < 1 || shards > mostShards)
    throw new TypeError(
      `OBSERVER_SHARDS must be a whole number from 1 to ${mostShards}, but it is ${JSON.stringify(text)}`,
    );
  if (shards > 1 && OBSERVER_PARENT === undefined)
    throw new TypeError(
      "OBSERVER_SHARDS above 1 needs the binding OBSERVER_PARENT to the class ObserverParent",
    );
  return shards;
}

/** Whom to ask what is observed: the one observer, or the parent of several. */
export function observerOf(env: Env) {
  const shards = readShards(env);
  return shards === 1 || env.OBSERVER_PARENT === undefined
    ? inTime(env.OBSERVER.getByName(name), name)
    : inTime(env.OBSERVER_PARENT.getByName(`${name}.${shards}`), name);
}

/** Tells the one observer, or a shard of it. */
export async function tellObserver(env: Env, shards: number, { shard, id, part }: Told): Promise<void> {
  // A new stub for each: one that has failed goes on failing.
  await env.OBSERVER.getByName(shards === 1 ? name : `${name}.${shards}.${shard}`).tell(id, part);
}
