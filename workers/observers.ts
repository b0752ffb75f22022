import { shardOf } from "ninelives/observer";
import { BatchError, type EventBatch } from "ninelives/telemetry";
import type { Receipt } from "./collector.ts";
import type { Env } from "./env.ts";

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
    ? env.OBSERVER.getByName(name)
    : env.OBSERVER_PARENT.getByName(`${name}.${shards}`);
}

/**
 * Hands the JSON of a batch as it came to the one observer, which reads it.
 *
 * @throws BatchError
 */
export async function collectedBy(env: Env, text: string): Promise<Receipt> {
  const collected = await env.OBSERVER.getByName(name).collect(text);
  if ("accepted" in collected) return collected;
  // An error that comes from another object has lost its class.
  throw new BatchError(collected.status, collected.problem, collected.message);
}

/**
 * Hands a batch to the observer, each event to the shard that has its policy.
 *
 * @throws what the shards threw, when none took anything: what some took must not come twice, so that what the others did
 *   not take counts as dropped
 */
export async function observe(env: Env, batch: EventBatch): Promise<void> {
  const shards = readShards(env);
  if (shards === 1) return env.OBSERVER.getByName(name).ingest(JSON.stringify(batch));
  const parts = byShard(batch, shards);
  const shard = (index: number) => env.OBSERVER.getByName(`${name}.${shards}.${index}`);
  const taken = await Promise.allSettled(
    parts.map(([index, part]) => shard(index).ingest(JSON.stringify(part))),
  );
  const failed = parts.filter((_, part) => taken[part]?.status === "rejected");
  const healthy = parts.find((_, part) => taken[part]?.status === "fulfilled");
  if (failed.length === 0) return;
  const [error] = taken.flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : []));
  if (healthy === undefined) throw error;
  console.warn("a shard of the observer took nothing", error);
  const dropped = failed.reduce((sum, [, part]) => sum + part.dropped + part.events.length, 0);
  await shard(healthy[0]).ingest(JSON.stringify({ ...batch, events: [], dropped }));
}

function byShard(batch: EventBatch, shards: number): [index: number, part: EventBatch][] {
  const events = new Map<number, EventBatch["events"][number][]>();
  for (const event of batch.events) {
    const index = shardOf(event.policy, shards);
    const known = events.get(index);
    if (known === undefined) events.set(index, [event]);
    else known.push(event);
  }
  if (events.size === 0) events.set(0, []);
  // What never left the sender is told once.
  return [...events].map(([index, some], at) => [
    index,
    { ...batch, dropped: at === 0 ? batch.dropped : 0, events: some },
  ]);
}
