import { known } from "../core/check.ts";
import { systemClock } from "../core/clock.ts";
import { type Duration, milliseconds } from "../core/duration.ts";
import type { SharedStore } from "../policies/fleet.ts";
import {
  type CompareAndSet,
  type CompareAndSetStoreOptions,
  compareAndSetStore,
  sharingOf,
} from "./compare-and-set.ts";
import { baseUrl, HttpStoreError, postJson } from "./post-json.ts";

export interface EtcdStoreOptions extends CompareAndSetStoreOptions {
  /** Where etcd's JSON gateway listens, such as `http://localhost:2379`. */
  readonly url: string;
  /** Stands before the names. Default `ninelives/`. */
  readonly prefix?: string;
  /** What nobody reported on for so long is removed; longer than any circuit may stay open. Default 168 h. */
  readonly forgetAfter?: Duration;
  /** Sent with each request, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default the platform's. */
  readonly fetch?: typeof fetch;
}

interface Range {
  readonly kvs?: readonly [{ readonly value: string; readonly mod_revision: string }];
}

interface Lease {
  readonly id: string;
  readonly renewAt: number;
}

/**
 * A home in etcd 3.4 or newer, by its JSON gateway: plain `fetch`, no gRPC.
 *
 * A report costs two round trips, in the background. Time is that of the etcd member that answers, by the second. What
 * is forgotten in the end hangs on leases, of which each store takes a new one every `forgetAfter`.
 *
 * @example
 * const circuit = circuitBreaker({ name: "prices", shared: etcdStore({ url: "http://localhost:2379" }) });
 */
export function etcdStore(options: EtcdStoreOptions): SharedStore {
  known(options, "etcdStore", ["url", "prefix", "forgetAfter", "headers", "fetch", "quorum", "rate"]);
  const forgetAfter = milliseconds(options.forgetAfter ?? "168h", "etcdStore: forgetAfter");
  return compareAndSetStore(homeIn(options, "etcdStore", forgetAfter), sharingOf(options));
}

/**
 * A place in etcd for what must not be forgotten, such as policy documents: `documentStore(etcdHome({ url }))`. etcd keeps
 * 1.5 MB under a name, if it is not told otherwise.
 */
export function etcdHome(
  options: Pick<EtcdStoreOptions, "url" | "prefix" | "headers" | "fetch">,
): CompareAndSet<string> {
  known(options, "etcdHome", ["url", "prefix", "headers", "fetch"]);
  return homeIn(options, "etcdHome", undefined);
}

/** @param forgetAfter milliseconds, or nothing */
function homeIn(
  options: Pick<EtcdStoreOptions, "url" | "prefix" | "headers" | "fetch">,
  own: string,
  forgetAfter: number | undefined,
): CompareAndSet<string> {
  const { prefix = "ninelives/", headers, fetch } = options;
  const base = baseUrl(options.url, `${own}: url`);
  let lease: Lease | undefined;

  const post = (path: string, body: unknown, signal: AbortSignal) =>
    postJson({ url: `${base}/v3/${path}`, body, headers, signal, fetch });

  /** A lease that outlives what is written now by `forgetAfter` at least. */
  async function lasting(signal: AbortSignal, forgetAfter: number): Promise<string> {
    const now = systemClock.now();
    if (lease !== undefined && now < lease.renewAt) return lease.id;
    const TTL = String(Math.ceil((2 * forgetAfter) / 1_000));
    const { json } = await post("lease/grant", { TTL }, signal);
    lease = { id: (json as { readonly ID: string }).ID, renewAt: now + forgetAfter };
    return lease.id;
  }

  return {
    async get(name, signal) {
      const answer = await post("kv/range", { key: base64(prefix + name) }, signal);
      const [kept] = (answer.json as Range).kvs ?? [];
      const date = Date.parse(answer.headers.get("date") ?? "");
      return {
        text: kept === undefined ? undefined : fromBase64(kept.value),
        version: kept?.mod_revision ?? "0",
        // A gateway in between may keep the date to itself.
        now: Number.isNaN(date) ? undefined : date,
      };
    },
    async set(name, text, version, signal) {
      const key = base64(prefix + name);
      const leased = forgetAfter === undefined ? {} : { lease: await lasting(signal, forgetAfter) };
      const put = { key, value: base64(text), ...leased };
      const transaction = {
        compare: [{ key, target: "MOD", result: "EQUAL", mod_revision: version }],
        success: [{ request_put: put }],
      };
      try {
        const { json } = await post("kv/txn", transaction, signal);
        return (json as { readonly succeeded?: boolean }).succeeded === true;
      } catch (error) {
        // Somebody revoked it: the next report takes a new one.
        if (error instanceof HttpStoreError && error.message.includes("lease not found")) lease = undefined;
        throw error;
      }
    },
  };
}

function base64(text: string): string {
  let bytes = "";
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return btoa(bytes);
}

function fromBase64(text: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
}
