import { createExecutionContext } from "cloudflare:test";
import { env as real } from "cloudflare:workers";
import { type Problem, sha256, type TokenRecord } from "ninelives/control";
import { expect, onTestFinished, vi } from "vitest";
import { app } from "../../workers/app.ts";
import type { Env } from "../../workers/env.ts";
import { ingestKey } from "./hostile-cases.ts";

/** Tokens that every test's Worker knows, by what their owner may do. */
export const tokens = { admin: "admin-token", viewer: "viewer-token", opener: "opener-token" } as const;

const scopes: Record<keyof typeof tokens, readonly string[]> = {
  admin: ["*"],
  viewer: ["read"],
  opener: ["circuit.open"],
};

/** The origins that pages of the test's ingest key may have. */
export const shop = "https://shop.test";
export { ingestKey };

/** What an origin does with a request. */
export type Origin = (request: Request) => Response | Promise<Response>;

export interface TestWorkerOptions {
  readonly upstreams?: Readonly<Record<string, unknown>>;
  readonly origin?: Origin;
  readonly env?: Partial<Record<keyof Env, unknown>>;
}

const parents = real.OBSERVER_PARENT as NonNullable<Env["OBSERVER_PARENT"]>;
let made = 0;

/**
 * The Worker with a configuration of its own, real Durable Objects of its own, and an origin that the test plays.
 *
 * The origin is the service binding `ORIGIN`, and by default the one upstream `prices`.
 */
export async function testWorker(options: TestWorkerOptions = {}) {
  const number = ++made;
  // Files share a workerd, and may have a copy of this module each.
  const id = crypto.randomUUID();
  const seen: Request[] = [];
  const { origin = () => new Response("fine"), upstreams = { prices: { service: "ORIGIN" } } } = options;
  const records = await Promise.all(
    Object.entries(tokens).map(
      async ([name, token]): Promise<TokenRecord> => ({
        name,
        sha256: await sha256(token),
        scopes: scopes[name as keyof typeof tokens],
      }),
    ),
  );
  // Objects are reached by name: the test's own are those whose names begin with its id.
  const own = (namespace: { getByName(name: string): unknown }) => ({
    getByName: (name: string) => namespace.getByName(`${id}/${name}`),
  });
  const env = {
    CIRCUITS: own(real.CIRCUITS),
    OBSERVER: own(real.OBSERVER),
    OBSERVER_PARENT: own(parents),
    CONTROL: own(real.CONTROL),
    REGISTRY: own(real.REGISTRY as NonNullable<Env["REGISTRY"]>),
    ASSETS: real.ASSETS,
    // The space makes the texts, and so the gateway and the collector that are made of them, the test's own.
    UPSTREAMS: JSON.stringify(upstreams) + " ".repeat(number),
    INGEST_RATE: `200${" ".repeat(number)}`,
    PUBLIC_READS: "false",
    TOKENS: JSON.stringify(records),
    INGEST_KEYS: JSON.stringify({ [ingestKey]: [shop] }),
    ORIGIN: {
      fetch: async (input: Request | URL, init?: RequestInit) => {
        const request = new Request(input, init);
        seen.push(request);
        return origin(request);
      },
    },
    ...options.env,
  } as unknown as Env;

  const send = (path: string, init?: RequestInit): Promise<Response> =>
    Promise.resolve(app.fetch(new Request(`https://edge.test${path}`, init), env, createExecutionContext()));

  const as = (who: keyof typeof tokens, path: string, init: RequestInit = {}) =>
    send(path, { ...init, headers: { ...init.headers, authorization: `Bearer ${tokens[who]}` } });

  return {
    env,
    /** The requests that reached the origin. */
    seen,
    fetch: send,
    /** Sends with a token. */
    as,
    command(who: keyof typeof tokens, name: string, args: object = {}, id: string = crypto.randomUUID()) {
      return as(who, "/v1/commands", { method: "POST", body: JSON.stringify({ id, name, args }) });
    },
    circuit: (name: string) => env.CIRCUITS.getByName(name),
    observer: env.OBSERVER.getByName("observer"),
    /** The parent of so many shards, and one of them. */
    parent: (shards: number) => parents.getByName(`${id}/observer.${shards}`),
    shard: (shards: number, index: number) => real.OBSERVER.getByName(`${id}/observer.${shards}.${index}`),
    control: env.CONTROL.getByName("control"),
  };
}

/** What the Worker tells its owner of from here to the end of the test, by the console. */
export function toldToOwner(method: "error" | "warn" = "error") {
  const told = vi.spyOn(console, method).mockImplementation(() => {});
  onTestFinished(() => told.mockRestore());
  return told.mock.calls;
}

/** Reads a problem, and checks that it says the same as the status. */
export async function problemIn(response: Response): Promise<Problem> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const body = await response.json<Problem>();
  expect(body.status).toBe(response.status);
  expect(body.type).toMatch(/^urn:ninelives:problem:[a-z-]+$/);
  expect(body.title).not.toBe("");
  expect(body.detail).not.toBe("");
  return body;
}
