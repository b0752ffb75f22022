import { perOrigin } from "../fetch/per-origin.ts";
import {
  resilientFetch as alone,
  type ResilientFetch,
  type ResilientFetchOptions,
} from "../fetch/resilient-fetch.ts";
import { indexedDbStore } from "../stores/indexeddb.ts";

/**
 * Makes a `fetch` for pages and service workers: what one tab finds out about an origin, all tabs of the site know.
 *
 * It is that of `ninelives/fetch` but for its default, `perOrigin()`, whose circuits live in IndexedDB under the names of
 * the origins. Where there is none (on a server that renders pages, say) each is alone, and nothing else changes. No call
 * waits for the database, which is opened in the background of the first one, and no failure of it is the caller's. A
 * `policy` of one's own shares what it was made to share.
 *
 * @throws TypeError for an option that does not exist, or will not do
 * @example
 * const fetch = resilientFetch();
 * const response = await fetch("https://api.example.com/prices");
 */
export function resilientFetch(options: ResilientFetchOptions = {}): ResilientFetch {
  const { policy = perOrigin("indexedDB" in globalThis ? { shared: indexedDbStore() } : {}) } = options;
  return alone({ ...options, policy });
}
