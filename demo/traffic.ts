import { bulkhead, compose, timeout } from "ninelives";
import { type Resource, resources } from "./wire.ts";

/** Calls a second, on average, and how far it goes up and down within a minute. */
const rate = 8;
const swing = 4;

/** Sends modest traffic through the gateway until `signal` aborts, as a few customers would. */
export function sendTraffic(origin: string, signal: AbortSignal): void {
  const visit = compose(bulkhead(30), timeout("10s")).wrap(async (resource: Resource, context) => {
    const response = await fetch(`${origin}/gateway/${resource}`, { signal: context.signal });
    await response.arrayBuffer();
  });

  function next(turn: number): void {
    if (signal.aborted) return;
    // Whether a customer was served shows on the dashboard.
    visit(resources[turn % resources.length] as Resource, { signal }).catch(() => {});
    const now = rate + swing * Math.sin((Date.now() / 60_000) * 2 * Math.PI);
    setTimeout(next, (1000 / now) * (0.5 + Math.random()), turn + 1);
  }
  next(0);
}
