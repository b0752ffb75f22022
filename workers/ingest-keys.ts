/** The keys that the collector knows, each with the origins of the pages that may use it; `*` stands for all. */
export type IngestKeys = ReadonlyMap<string, readonly string[]>;

/**
 * Reads the collector's keys.
 *
 * @param text JSON: `{ "<key>": ["https://shop.example.com"] }`; empty for none
 * @throws TypeError that says what it must be; it never quotes a key
 */
export function readIngestKeys(text: string | undefined): IngestKeys {
  if (text === undefined || text.trim() === "") return new Map();
  const keys = parsed(text);
  if (typeof keys === "object" && keys !== null && !Array.isArray(keys)) {
    const entries = Object.entries(keys);
    if (entries.every((entry): entry is [string, string[]] => isList(entry[1]))) return new Map(entries);
  }
  throw new TypeError('INGEST_KEYS must be an object such as { "<key>": ["https://shop.example.com"] }');
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
