import { quote } from "../core/duration.ts";
import { requestOf } from "./repeatable.ts";
import type { FetchCall } from "./resilient-fetch.ts";

/** Origins such as `"https://api.example.com"`, in a list or in one text with spaces between, or a function of the origin. */
export type Origins = string | readonly string[] | ((origin: string) => boolean);

/**
 * Tells whether an origin is listed. The page's or service worker's own always is, unless a function decides.
 *
 * @throws TypeError that names the option and quotes what is no origin
 */
export function originCheck(origins: Origins, option: string): (origin: string) => boolean {
  if (typeof origins === "function") return origins;
  const list = typeof origins === "string" ? origins.split(/\s+/).filter((each) => each !== "") : origins;
  if (!Array.isArray(list)) {
    throw new TypeError(`${option} must be a text, a list or a function, but is ${quote(origins)}`);
  }
  const known = new Set(list.map((each) => checkOrigin(each, option)));
  return (origin) => known.has(origin) || origin === page()?.origin;
}

function checkOrigin(text: unknown, option: string): string {
  const url = typeof text === "string" && URL.canParse(text) ? new URL(text) : undefined;
  // What has a path looks as if only that path were meant.
  if (url !== undefined && url.origin !== "null" && `${url.origin}/` === url.href) return url.origin;
  throw new TypeError(`${option} takes origins such as "https://api.example.com", but got ${quote(text)}`);
}

/** Where a call goes; undefined for what is no URL, which `fetch` will refuse. In a page a URL may be relative. */
export function urlOf(call: FetchCall): URL | undefined {
  const url = String(requestOf(call)?.url ?? call.input);
  const base = page()?.href;
  return URL.canParse(url, base) ? new URL(url, base) : undefined;
}

function page(): { readonly href: string; readonly origin: string } | undefined {
  return (globalThis as { readonly location?: { readonly href: string; readonly origin: string } }).location;
}
