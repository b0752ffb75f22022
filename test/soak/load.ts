import {
  type AnyPolicy,
  bulkhead,
  type Context,
  circuitBreaker,
  compose,
  environment,
  exponential,
  fallback,
  hedge,
  rateLimit,
  retry,
  timeout,
} from "ninelives";
import { batch, multicast, overHttp } from "ninelives/telemetry";

/** Milliseconds of each minute in which a policy's service is down, each policy's at another time. */
const downFor = 10_000;
const minute = 60_000;

type Call = () => Promise<unknown>;

/** Calls through policies of every kind, whose events go to a collector as those of any program do. */
export class Load {
  /** Events that the policies told of, by type. */
  readonly types = new Map<string, number>();
  told = 0;
  readonly #batches;
  readonly #sink;
  readonly #calls: readonly Call[];
  readonly #pixel: (fails: boolean) => Promise<unknown>;
  #next = 0;

  /** @param key an ingest key of the collector at `url` */
  constructor(url: string, key: string, policies: number) {
    this.#batches = batch({ deliver: overHttp({ url, key }), source: "node" });
    this.#sink = multicast({ emit: ({ type }) => this.#count(type) }, this.#batches);
    this.#calls = Array.from({ length: policies }, (_, index) => this.#policy(index, policies));
    // It opens with the first failure, and the next call that succeeds closes it.
    const circuit = circuitBreaker({ name: "a pixel", consecutiveFailures: 1, openFor: 1 });
    this.#pixel = compose(environment({ name: "a pixel", sink: this.#sink }), circuit).wrap(
      async (fails: boolean) => {
        if (fails) throw new Error("as it was told to");
      },
    );
  }

  /** Events that never left. */
  get dropped(): number {
    return this.#batches.dropped;
  }

  /** Starts as many calls as it takes to have told of so many events. */
  keepUp(events: number): void {
    // A call tells of three events or so, most of them a little later.
    for (let missing = Math.min(events - this.told, 100); missing > 0; missing -= 3) {
      this.#calls[this.#next]?.().catch(() => {});
      this.#next = (this.#next + 1) % this.#calls.length;
    }
  }

  /** Has the policy `a pixel` open its circuit or close it, by a call that fails or one that succeeds. */
  async turn(to: "open" | "closed"): Promise<void> {
    await this.#pixel(to === "open").catch(() => {});
  }

  /** Delivers what waits. */
  flush(): Promise<void> {
    return this.#batches.flush();
  }

  #count(type: string): void {
    this.told++;
    this.types.set(type, (this.types.get(type) ?? 0) + 1);
  }

  /** One of four kinds of policy, around a service that is slow and fails now and then, and at times always. */
  #policy(index: number, of: number): Call {
    const name = `policy ${index}`;
    const told = environment({ name, sink: this.#sink });
    const circuit = circuitBreaker({
      name,
      minimumCalls: 10,
      window: "10s",
      openFor: "2s",
      maximumOpenFor: "4s",
    });
    const again = retry({ attempts: 3, backoff: exponential(5) });
    const kinds: readonly AnyPolicy[] = [
      compose(told, again, circuit, timeout(60)),
      compose(told, bulkhead({ limit: 2, queue: 2, maximumWait: 30 }), again, circuit),
      compose(told, rateLimit({ limit: 3, per: "1s", maximumWait: 200 }), circuit, hedge({ after: 30 })),
      compose(told, fallback("kept"), circuit, timeout(40)),
    ];
    const offset = (index * minute) / of;
    const kind = kinds[index % kinds.length] as AnyPolicy;
    const call = kind.wrap((_: undefined, context: Context) => service(offset, context));
    return () => call(undefined);
  }
}

async function service(offset: number, context: Context): Promise<string> {
  await context.sleep(2 + Math.random() ** 4 * 90);
  if ((Date.now() + offset) % minute < downFor || Math.random() < 0.05) throw new Error("down");
  return "fine";
}
