import type { Env } from "./env.ts";

/**
 * Whether upstreams are reached by a host. By all of them, unless `GATEWAY_HOST` names the one: then no page of an upstream
 * has the origin of a dashboard at another.
 */
export function servesUpstreams(host: string, { GATEWAY_HOST }: Env): boolean {
  return GATEWAY_HOST === undefined || GATEWAY_HOST === "" || host === GATEWAY_HOST;
}

/** @throws TypeError for what is no host as requests name it, so that no upstream would ever be reached */
export function checkGatewayHost({ GATEWAY_HOST: host }: Env): void {
  if (host === undefined || host === "") return;
  if (URL.parse(`https://${host}`)?.host === host && !host.includes("*")) return;
  throw new TypeError(
    `GATEWAY_HOST must be a hostname such as api.example.com, but is ${JSON.stringify(host)}`,
  );
}
