import { known } from "../core/check.ts";
import type { Context } from "../core/context.ts";
import { type Duration, milliseconds, refuse } from "../core/duration.ts";
import { oneOf } from "../core/options.ts";
import { type Discovery, DiscoveryError, type Endpoint } from "./discovery.ts";

export interface DnsDiscoveryOptions {
  /** The name of SRV records, such as `_https._tcp.prices.example.com`. */
  readonly name: string;
  /** The domain that hosts must be in: what else an answer names is left out. Default what the name is of. */
  readonly within?: string;
  /** Default `"https"`. */
  readonly scheme?: "https" | "http";
  /** Answers `application/dns-json` over HTTPS. Default `"https://cloudflare-dns.com/dns-query"`. */
  readonly resolver?: string;
  /** An answer holds for so long at least, whatever its TTL. Default `"5s"`. */
  readonly least?: Duration;
  /** And at most. Default `"5m"`. */
  readonly most?: Duration;
  /** Default the global `fetch` at the time of each look-up. */
  readonly fetch?: typeof fetch;
}

interface Answer {
  readonly Status?: unknown;
  readonly Answer?: readonly { readonly type?: unknown; readonly TTL?: unknown; readonly data?: unknown }[];
}

const options = ["name", "within", "scheme", "resolver", "least", "most", "fetch"];
const checkScheme = oneOf("https", "http");
const srv = 33;
/** Characters of an answer; one of DNS itself has 64 kB at most. */
const longest = 256_000;
const domain = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/;

/**
 * Finds endpoints by SRV records (RFC 2782), over HTTPS, so that it works where there are no sockets.
 *
 * Priorities and weights are those of the records, weights made to fit 0 to 1000. An answer holds for the least of its
 * TTLs. A name in an answer decides where requests go, so only hosts within one domain are taken, and no addresses.
 *
 * @throws RangeError or TypeError for options that will not do. A look-up rejects with a DiscoveryError when the resolver
 *   does not answer, knows no such name, or names no host that may be used.
 * @example
 * const discovery = dnsDiscovery({ name: "_https._tcp.prices.example.com" });
 */
export function dnsDiscovery(given: DnsDiscoveryOptions): Discovery {
  known(given, "dnsDiscovery", options);
  const { name, scheme = "https", resolver = "https://cloudflare-dns.com/dns-query", fetch: own } = given;
  const [, base] = (typeof name === "string" && /^_[a-z0-9-]+\._(?:tcp|udp)\.(.+)$/i.exec(name)) || [];
  if (base === undefined) {
    refuse("dnsDiscovery: name", "one such as _https._tcp.prices.example.com", name, TypeError);
  }
  const within = domainOf(given.within ?? base);
  checkScheme(scheme, "dnsDiscovery: scheme");
  const least = milliseconds(given.least ?? "5s", "dnsDiscovery: least");
  const most = Math.max(milliseconds(given.most ?? "5m", "dnsDiscovery: most"), least);
  const url = resolverOf(resolver);
  url.searchParams.set("name", name);
  url.searchParams.set("type", "SRV");

  return async function dnsDiscovery(_: undefined, context: Context) {
    const records = recordsIn(await ask(own ?? fetch, url, context.signal));
    const endpoints = records
      .filter(({ host }) => host === within || host.endsWith(`.${within}`))
      .map(({ host, port, weight, priority }): Endpoint => {
        const name = `${host}:${port}`;
        return { name, url: `${scheme}://${name}`, weight, priority };
      });
    if (endpoints.length === 0) {
      const why = records.length === 0 ? "has no records" : `names no host within ${within}`;
      throw new DiscoveryError(`${name} ${why}`);
    }
    const ttl = Math.min(...records.map(({ ttl }) => ttl)) * 1_000;
    return { endpoints: fitted(once(endpoints)), holds: Math.min(Math.max(ttl, least), most) };
  };
}

interface SrvRecord {
  readonly ttl: number;
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly host: string;
}

async function ask(send: typeof fetch, url: URL, signal: AbortSignal): Promise<Answer> {
  const response = await send(url, {
    headers: { accept: "application/dns-json" },
    signal,
    redirect: "manual",
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new DiscoveryError(`the resolver answered ${response.status}`);
  }
  const text = await response.text();
  if (text.length > longest) throw new DiscoveryError(`the answer has more than ${longest} characters`);
  try {
    const answer = JSON.parse(text) as Answer | null;
    if (answer?.Status === 0) return answer;
    throw new DiscoveryError(`the resolver answered with the status ${answer?.Status}`);
  } catch (error) {
    if (error instanceof DiscoveryError) throw error;
    throw new DiscoveryError("the resolver's answer is no JSON");
  }
}

/** The records that can be read; a host of `.` says that there is no service (RFC 2782). */
function recordsIn({ Answer: answers }: Answer): SrvRecord[] {
  if (!Array.isArray(answers)) return [];
  return answers.flatMap(({ type, TTL: ttl, data }: NonNullable<Answer["Answer"]>[number]) => {
    const [, ...fields] = /^(\d{1,5}) (\d{1,5}) (\d{1,5}) (\S+?)\.?$/.exec(String(data)) ?? [];
    const [priority = -1, weight = -1, port = -1] = fields.slice(0, 3).map(Number);
    const host = fields[3]?.toLowerCase() ?? "";
    const fits = port > 0 && Math.max(priority, weight, port) <= 65_535 && domain.test(host);
    return type === srv && typeof ttl === "number" && ttl >= 0 && fits
      ? [{ ttl, priority, weight, port, host }]
      : [];
  });
}

/** The first of each name. */
function once(endpoints: readonly Endpoint[]): Endpoint[] {
  return endpoints.filter(({ name }, index) => endpoints.findIndex((each) => each.name === name) === index);
}

/** Weights up to 1000. Of a weight of 0 RFC 2782 says a very small chance beside others; alone it is as good as any. */
function fitted(endpoints: readonly Endpoint[]): Endpoint[] {
  const most = Math.max(...endpoints.map(({ weight }) => weight));
  const scale = most > 1_000 ? 1_000 / most : 1;
  return endpoints.map((each) => ({
    ...each,
    weight: most === 0 ? 1 : Math.max(each.weight * scale, most * scale * 0.001),
  }));
}

function domainOf(text: string): string {
  const lower = typeof text === "string" ? text.toLowerCase().replace(/\.$/, "") : "";
  return domain.test(lower)
    ? lower
    : refuse("dnsDiscovery: within", "a domain such as example.com", text, TypeError);
}

function resolverOf(text: string): URL {
  const url = typeof text === "string" && URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === "https:" ? url : refuse("dnsDiscovery: resolver", "an https URL", text, TypeError);
}
