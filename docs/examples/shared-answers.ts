/**
 * A page full of components that all ask for the same: one request, and a stale answer rather than none.
 *
 * On a clock that moves only when it is told to, so that it takes no time and always prints the same.
 */
import { cache, coalesce, compose, environment, retry, timeout } from "ninelives";
import { ManualClock } from "ninelives/testing";

const clock = new ManualClock();
const key = (path: string): string => path;
const prices = cache({ key, ttl: "1m", staleIfError: "1h" });
const policy = compose(environment({ clock }), prices, coalesce(key), timeout("1s"), retry(2));

let calls = 0;
let down = false;
const read = policy.wrap(async (path: string) => {
  calls++;
  if (down) throw new Error("down");
  return `${path} costs 9`;
});

const answers = await Promise.all([read("/rope"), read("/rope"), read("/rope")]);
console.log(answers.length, "answers for", calls, "call"); //=> 3 answers for 1 call

await read("/rope");
console.log(calls, "call still"); //=> 1 call still

down = true;
await clock.advance(120_000);
const stale = read("/rope");
await clock.advance(1_000);
console.log(await stale, "after", calls - 1, "calls that failed"); //=> /rope costs 9 after 2 calls that failed
