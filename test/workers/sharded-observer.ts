import { type LiveMessage, type SystemState, shardOf } from "ninelives/observer";
import { expect, vi } from "vitest";
import { ingestKey, type TestWorkerOptions, testWorker } from "./test-worker.ts";

/** How many shards it has. */
export const shards = 3;
export type Sharded = Awaited<ReturnType<typeof sharded>>;

/** The Worker with an observer of three shards. */
export async function sharded(options: TestWorkerOptions = {}) {
  const worker = await testWorker({ env: { OBSERVER_SHARDS: String(shards), ...options.env } });
  const parent = worker.parent(shards);
  return {
    worker,
    parent,
    shard: (index: number) => worker.shard(shards, index),
    home: (policy: string) => worker.shard(shards, shardOf(policy, shards)),
    state: async () => (await worker.as("viewer", "/v1/state")).json<SystemState>(),
  };
}

export const names = (count: number, word = "policy") =>
  Array.from({ length: count }, (_, index) => `${word} ${index}`);

/** Sends a call that succeeded of each policy. */
export async function send({ worker }: Pick<Sharded, "worker">, policies: readonly string[], dropped = 0) {
  const at = Date.now();
  const response = await worker.fetch("/v1/events", {
    method: "POST",
    headers: { authorization: `Bearer ${ingestKey}` },
    body: JSON.stringify({
      version: 1,
      source: { id: "abcdef", kind: "page" },
      sentAt: at,
      dropped,
      events: policies.map((policy) => ({
        type: "request.succeeded",
        policy,
        at,
        duration: 5,
        attempts: 1,
        circuits: [{ circuit: policy, state: "closed", result: "success" }],
      })),
    }),
  });
  expect(response.status).toBe(202);
}

/** Looks on by WebSocket, as the dashboard does. */
export async function watch({ worker }: Pick<Sharded, "worker">, after = "") {
  const response = await worker.as("viewer", `/v1/live?after=${after}`, {
    headers: { upgrade: "websocket" },
  });
  const socket = response.webSocket as WebSocket;
  const messages: LiveMessage[] = [];
  socket.addEventListener("message", ({ data }) => {
    if ((data as string).startsWith("{")) messages.push(JSON.parse(data as string));
  });
  socket.accept();
  return {
    socket,
    messages,
    /** The policies of the events that were told of, in order. */
    told: () => messages.flatMap(({ events }) => events.map(({ policy }) => policy)),
  };
}

/** Waits for a fact, however busy the machine is. */
export const until = (check: () => unknown) => vi.waitFor(check, { timeout: 15_000, interval: 100 });
/** The calls of each policy. */
export const counted = ({ policies }: SystemState) =>
  Object.fromEntries(policies.map(({ policy, windows }) => [policy, windows["15m"].requests]));
