/** A home of one's own for shared state: anything that can keep a text and replace it only if nobody else has. */
import { circuitBreaker, isRejected, type SharedStore } from "ninelives";
import { type CompareAndSet, compareAndSetStore } from "ninelives/stores/compare-and-set";

/** Stands for a table `(name, text, version)` of your database, reached from every process. */
const table = new Map<string, { text: string; version: number }>();

const inTable: CompareAndSet<number> = {
  // SELECT text, version FROM circuits WHERE name = ?
  async get(name) {
    return table.get(name) ?? { text: undefined, version: 0 };
  },
  // UPDATE circuits SET text = ?, version = version + 1 WHERE name = ? AND version = ?; was a row changed?
  async set(name, text, version) {
    if ((table.get(name)?.version ?? 0) !== version) return false;
    table.set(name, { text, version: version + 1 });
    return true;
  },
};

/** What each process makes for itself. */
const process = (shared: SharedStore) => circuitBreaker({ name: "prices", consecutiveFailures: 2, shared });
const [one, other] = [process(compareAndSetStore(inTable)), process(compareAndSetStore(inTable))];

const failing = async (): Promise<never> => {
  throw new Error("down");
};
for (let call = 0; call < 2; call++) await one.execute(failing).catch(() => {});
await one.sync(); // here at once; by itself it would ride along with a call
console.log(one.state); //=> open

// The other has seen no failure. It hears of the open circuit in the background of its calls.
await other.sync();
await other.execute(failing).catch((error) => console.log(isRejected(error) && error.kind)); //=> circuit-open
console.log([...table.keys()]); //=> [ 'prices' ]
