/**
 * Happy eyeballs: a host has addresses in IPv6 and IPv4. Try the first, start the other if it has not answered within
 * 50 ms or has failed, and keep the connection that is made first.
 *
 * Source: RFC 8305, with a delay of 250 ms.
 */
import { definePolicyFor, race } from "ninelives";

interface Connection {
  readonly address: string;
}

/** Connects to one of the host's addresses, after a head start for the others. */
const to = (address: string, headStart: number) =>
  definePolicyFor<string, Connection>(`to ${address}`, (connect) => async (_host, context) => {
    if (headStart > 0) await context.sleep(headStart);
    return connect(address, context);
  });

const closed: string[] = [];

/** IPv6 is broken here: packets vanish, and nobody says so. */
async function connect(address: string, { signal }: { signal: AbortSignal }): Promise<Connection> {
  if (address.includes(":")) {
    await new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => {
        closed.push(address);
        reject(signal.reason);
      });
    });
  }
  return { address };
}

const dial = race(to("2001:db8::1", 0), to("192.0.2.1", 50)).wrap(connect);

const start = performance.now();
const { address } = await dial("cats.example");
const elapsed = performance.now() - start;

console.log(address); //=> 192.0.2.1
console.log(`gave up on ${closed}`); //=> gave up on 2001:db8::1
console.log(elapsed >= 45 && elapsed < 1_000); //=> true
