/** What is shown when the recommendations take too long: something sensible, in time. */
import { compose, fallback, timeout } from "ninelives";

const bestsellers = ["rope", "harness"];
const recommendations = compose(fallback(bestsellers), timeout("20ms"));

const slow = ({ signal }: { signal: AbortSignal }): Promise<string[]> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(["for you"]), 5_000);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });

console.log(await recommendations.execute(slow)); //=> [ 'rope', 'harness' ]
console.log(await recommendations.execute(async () => ["for you"])); //=> [ 'for you' ]
