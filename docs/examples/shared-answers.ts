/** A page full of components that all ask for the same: one request, and a stale answer rather than none. */
import { cache, coalesce, compose, retry, timeout } from "ninelives";

const key = (path: string): string => path;
const prices = cache({ key, ttl: "20ms", staleIfError: "1h" });
const policy = compose(prices, coalesce(key), timeout("1s"), retry(2));

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
await new Promise((resolve) => setTimeout(resolve, 30));
console.log(await read("/rope")); //=> /rope costs 9
