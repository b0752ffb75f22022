import { identify, sha256, type TokenRecord } from "ninelives/control";

/** The origins that a key is bound to, by the key or its hash; `*` stands for all. */
export type IngestKeys = ReadonlyMap<string, readonly string[]>;

/** How a key stands there that is kept as a hash. */
const hashed = /^sha256:([0-9a-f]{64})$/;

let current: { readonly config: string | undefined; readonly keys: IngestKeys } | undefined;

/**
 * Reads the collector's keys.
 *
 * @param text JSON: `{ "sha256:<64 hex digits>": ["https://shop.example.com"] }`, or with the key itself; empty for none
 * @throws TypeError that says what it must be; it never quotes a key
 */
export function readIngestKeys(text: string | undefined): IngestKeys {
  // One for each isolate: batches come often.
  if (current === undefined || current.config !== text) current = { config: text, keys: read(text) };
  return current.keys;
}

function read(text: string | undefined): IngestKeys {
  if (text === undefined || text.trim() === "") return new Map();
  const keys = parsed(text);
  if (typeof keys === "object" && keys !== null && !Array.isArray(keys)) {
    const entries = Object.entries(keys);
    if (entries.every((entry): entry is [string, string[]] => isList(entry[1]))) return new Map(entries);
  }
  throw new TypeError('INGEST_KEYS must be an object such as { "<key>": ["https://shop.example.com"] }');
}

/** What was found out of keys: their hashes, and which ones have been shown that are good. */
interface Known {
  readonly records: Promise<readonly TokenRecord[]>;
  readonly shown: Map<string, readonly string[]>;
}

const known = new WeakMap<IngestKeys, Known>();

/**
 * The origins that a key is bound to, if it is one: found by its hash, in a time that does not tell how near a wrong one came.
 */
export async function originsOf(
  keys: IngestKeys,
  key: string | undefined,
): Promise<readonly string[] | undefined> {
  if (key === undefined || key === "") return undefined;
  const { records, shown } = known.get(keys) ?? { records: hashesOf(keys), shown: new Map() };
  known.set(keys, { records, shown });
  // Hashed once in each isolate, as it comes with every batch.
  const before = shown.get(key);
  if (before !== undefined) return before;
  const { name, scopes } = await identify(key, await records);
  const origins = scopes.length === 0 ? undefined : keys.get(name);
  if (origins !== undefined) shown.set(key, origins);
  return origins;
}

function hashesOf(keys: IngestKeys): Promise<readonly TokenRecord[]> {
  const hashes = [...keys.keys()].map(async (name) => {
    const [, hash = await sha256(name)] = hashed.exec(name) ?? [];
    return { name, sha256: hash, scopes: ["ingest"] };
  });
  return Promise.all(hashes);
}

/** Whether a page of this origin may use a key that is bound to those. */
export function isBoundTo(origins: readonly string[], origin: string): boolean {
  return origins.includes(origin) || origins.includes("*");
}

function isList(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes what it found.
    throw new TypeError("INGEST_KEYS is no JSON");
  }
}
