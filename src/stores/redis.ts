import { known } from "../core/check.ts";
import { type Duration, milliseconds } from "../core/duration.ts";
import { platform } from "../core/platform.ts";
import type { SharedStore } from "../policies/fleet.ts";
import {
  type CompareAndSet,
  type CompareAndSetStoreOptions,
  compareAndSetStore,
  sharingOf,
} from "./compare-and-set.ts";
import { baseUrl, postJson } from "./post-json.ts";

/** What the store needs of a Redis client. That of `redis` (node-redis) is one, and so is `upstash(...)`. */
export interface RedisClient {
  sendCommand(command: string[], options?: { readonly abortSignal?: AbortSignal }): Promise<unknown>;
}

export interface RedisStoreOptions extends CompareAndSetStoreOptions {
  /** Stands before the names. Default `ninelives:`. */
  readonly prefix?: string;
  /** What nobody reported on for so long is removed; longer than any circuit may stay open. Default 168 h. */
  readonly forgetAfter?: Duration;
}

const read = `
local kept = redis.call("HMGET", KEYS[1], "version", "record")
local time = redis.call("TIME")
return { kept[1] or "", kept[2] or "", time[1], time[2] }`;

const write = `
if (redis.call("HGET", KEYS[1], "version") or "") ~= ARGV[1] then return 0 end
redis.call("HSET", KEYS[1], "version", ARGV[2], "record", ARGV[3])
if ARGV[4] ~= "" then redis.call("PEXPIRE", KEYS[1], ARGV[4]) end
return 1`;

/**
 * A home in Redis (or Valkey), for processes that have one beside them.
 *
 * A report costs two round trips, in the background; time is Redis' own. The client is the user's: connected, with its
 * own reconnection, and closed by the user.
 *
 * @example
 * const client = await createClient({ url: "redis://localhost" }).connect();
 * const circuit = circuitBreaker({ name: "prices", shared: redisStore(client) });
 */
export function redisStore(client: RedisClient, options: RedisStoreOptions = {}): SharedStore {
  known(options, "redisStore", ["prefix", "forgetAfter", "quorum", "rate"]);
  const { prefix = "ninelives:" } = options;
  const forgetAfter = milliseconds(options.forgetAfter ?? "168h", "redisStore: forgetAfter");
  return compareAndSetStore(homeIn(client, prefix, String(forgetAfter)), sharingOf(options));
}

/**
 * A place in Redis for what must not be forgotten, such as policy documents: `documentStore(redisHome(client))`.
 *
 * @param options `prefix` stands before the names; default `ninelives:`
 */
export function redisHome(
  client: RedisClient,
  options: Pick<RedisStoreOptions, "prefix"> = {},
): CompareAndSet<string> {
  known(options, "redisHome", ["prefix"]);
  return homeIn(client, options.prefix ?? "ninelives:", "");
}

/** @param forgetAfter milliseconds, or nothing */
function homeIn(client: RedisClient, prefix: string, forgetAfter: string): CompareAndSet<string> {
  const run = (script: string, signal: AbortSignal, key: string, ...args: string[]) =>
    client.sendCommand(["EVAL", script, "1", prefix + key, ...args], { abortSignal: signal });
  return {
    async get(name, signal) {
      const [version, text, seconds, micros] = (await run(read, signal, name)) as string[];
      return {
        text: text === "" ? undefined : text,
        version: version as string,
        now: Number(seconds) * 1_000 + Number(micros) / 1_000,
      };
    },
    async set(name, text, version, signal) {
      // By chance, not by counting: a count that begins anew after a wipe would let a stale writer in.
      const next = platform.random().toString(36).slice(2);
      return (await run(write, signal, name, version, next, text, forgetAfter)) === 1;
    },
  };
}

export interface UpstashOptions {
  /** The database's REST address, `UPSTASH_REDIS_REST_URL`. */
  readonly url: string;
  /** `UPSTASH_REDIS_REST_TOKEN`. */
  readonly token: string;
  /** Default the platform's. */
  readonly fetch?: typeof fetch;
}

/**
 * A client that speaks Upstash's REST, for where no TCP connection lives long enough: the edge.
 *
 * @example
 * const shared = redisStore(upstash({ url: env.UPSTASH_REDIS_REST_URL, token: env.UPSTASH_REDIS_REST_TOKEN }));
 */
export function upstash(options: UpstashOptions): RedisClient {
  known(options, "upstash", ["url", "token", "fetch"]);
  const { token, fetch } = options;
  const url = baseUrl(options.url, "upstash: url");
  return {
    async sendCommand(command, { abortSignal: signal } = {}) {
      const headers = { authorization: `Bearer ${token}` };
      const { json } = await postJson({ url, body: command, headers, signal, fetch });
      return (json as { readonly result: unknown }).result;
    },
  };
}
