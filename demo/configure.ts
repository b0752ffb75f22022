import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { experimental_readRawConfig as readConfig } from "wrangler";
import { root, scratch } from "./places.ts";
import { type Secrets, sha256 } from "./secrets.ts";
import { resources } from "./wire.ts";

/** How the gateway calls the shop's origin. */
const policy =
  "timeout(5s) + retry(3, backoff: exponential(100ms))" +
  " + circuitBreaker(consecutiveFailures: 5, openFor: 6s, maximumOpenFor: 9s) + timeout(2s)";

const upstreams = {
  ...Object.fromEntries(
    resources.map((resource) => [resource, { service: "ORIGIN", path: `/${resource}`, policy }]),
  ),
  // Two that are one, so that there are weights to turn, and rules of a group to set.
  reviews: {
    members: [
      { name: "stable", service: "ORIGIN", path: "/reviews", weight: 9 },
      { name: "canary", service: "ORIGIN", path: "/reviews", weight: 1 },
    ],
    policy,
  },
  knobs: { service: "ORIGIN", path: "/knobs", policy: "timeout(5s)", quiet: true },
};

/** What the dashboard's view of alerts has to show; nobody is told, since there is no webhook. */
const alerts = {
  rules: [
    { name: "callers see errors", when: "error-rate", above: 0.05, window: "1m", for: "5s" },
    { name: "a circuit stays open", when: "circuit-open", for: "15s" },
    { name: "slow calls", when: "latency", above: "800ms", window: "1m" },
    { name: "a storm of retries", when: "amplification", above: 1.5, window: "1m" },
  ],
};

/**
 * Writes the product's configuration as the demo runs it: with the shop's upstreams, its page and its secrets.
 *
 * @returns where it is
 */
export function configure(port: number, { token, ingestKey }: Secrets): string {
  const { rawConfig } = readConfig({ config: `${root}wrangler.toml` });
  const assets = `${scratch}/assets`;
  rmSync(assets, { recursive: true, force: true });
  cpSync(`${root}dist/web`, assets, { recursive: true });
  cpSync(`${root}dist/demo`, `${assets}/shop`, { recursive: true });
  writeFileSync(`${assets}/shop/config.json`, JSON.stringify({ ingestKey }));

  const origins = [`http://localhost:${port}`, `http://127.0.0.1:${port}`];
  const config = {
    ...rawConfig,
    main: resolve(root, rawConfig.main ?? "workers/index.ts"),
    assets: { ...rawConfig.assets, directory: assets },
    services: [...(rawConfig.services ?? []), { binding: "ORIGIN", service: "ninelives-demo-origin" }],
    vars: {
      ...rawConfig.vars,
      UPSTREAMS: JSON.stringify(upstreams),
      PUBLIC_READS: "true",
      TOKENS: JSON.stringify([{ name: "demo", sha256: sha256(token), scopes: ["*"] }]),
      ALERTS: JSON.stringify(alerts),
      INGEST_KEYS: JSON.stringify({ [ingestKey]: origins }),
    },
  };
  const file = `${scratch}/product.json`;
  mkdirSync(scratch, { recursive: true });
  writeFileSync(file, JSON.stringify(config, null, 2));
  return file;
}
