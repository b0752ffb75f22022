/** A circuit for each host: the one that is down does not close the others off. */
import { circuitBreaker, compose, isRejected, keyed, timeout } from "ninelives";

const circuits = keyed((host) => circuitBreaker({ name: host, consecutiveFailures: 2 }));
const policy = compose(timeout("1s"), circuits);

const fetchFrom = (host: string): Promise<string> =>
  policy.execute(
    async () => {
      if (host === "down.example") throw new Error("connection refused");
      return `hello from ${host}`;
    },
    { key: host },
  );

for (const host of ["down.example", "down.example", "down.example", "up.example"]) {
  const said = await fetchFrom(host).catch((error) =>
    isRejected(error, "circuit-open") ? `${error.policy} is not even asked` : error.message,
  );
  console.log(said);
}
//=> connection refused
//=> connection refused
//=> down.example is not even asked
//=> hello from up.example
console.log(circuits.keys().join(" ")); //=> down.example up.example
