/** A budget that all who call one destination share: when it is down, it gets a fifth more calls and not twice as many. */
import { compose, constant, environment, retry, retryBudget } from "ninelives";
import { recordingSink } from "ninelives/testing";

const budget = retryBudget({ ratio: 0.2, minimum: 3 });
const sink = recordingSink();
const reads = compose(environment({ sink }), retry({ attempts: 3, backoff: constant(0), budget }));
const writes = compose(environment({ sink }), retry({ attempts: 2, backoff: constant(0), budget }));

let calls = 0;
const down = async (): Promise<never> => {
  calls++;
  throw new Error("down");
};

for (let call = 0; call < 50; call++) {
  await reads.execute(down).catch(() => {});
  await writes.execute(down).catch(() => {});
}

console.log(`${calls} calls for 100`); //=> 120 calls for 100
console.log(sink.of("retry.exhausted").some(({ reason }) => reason === "budget")); //=> true
