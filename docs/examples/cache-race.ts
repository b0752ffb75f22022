/** A cache and the origin at once: whichever answers first is taken, and the other is aborted. */
import { answer, compose, identity, race, timeout } from "ninelives";

const near = new Map([["/rope", "rope, from the cache"]]);

/** Fails on a miss, so that the race is left to the origin. */
const fromCache = answer(async (path: string) => {
  const known = near.get(path);
  if (known === undefined) throw new Error(`${path} is not cached`);
  return known;
});

let abortedOrigins = 0;
async function origin(path: string, { signal }: { signal: AbortSignal }): Promise<string> {
  await new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 20);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      abortedOrigins++;
      reject(signal.reason);
    });
  });
  return `${path.slice(1)}, from the origin`;
}

const read = race(fromCache, compose(timeout("1s"), identity)).wrap(origin);

console.log(await read("/rope")); //=> rope, from the cache
console.log(`${abortedOrigins} origin call aborted`); //=> 1 origin call aborted
console.log(await read("/tent")); //=> tent, from the origin
