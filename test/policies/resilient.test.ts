import {
  type AsyncStorage,
  type Context,
  circuitBreaker,
  compose,
  constant,
  contextStorage,
  isRejected,
  resilient,
  retry,
  timeout,
} from "ninelives";
import { describe, expect, it } from "vitest";

const down = new Error("down");
const flaky = retry({ attempts: 3, backoff: constant(0) });

class Prices {
  calls = 0;
  readonly #factor: number;

  constructor(factor = 1) {
    this.#factor = factor;
  }

  @resilient(flaky)
  async of(product: string, count: number): Promise<string> {
    if (++this.calls < 3) throw down;
    return `${product} ${count * this.#factor}`;
  }

  @resilient(flaky)
  static async all(): Promise<number> {
    return 42;
  }

  viaPrivate(): Promise<string> {
    return this.#secret("s");
  }

  @resilient(flaky)
  async #secret(text: string): Promise<string> {
    if (++this.calls < 2) throw down;
    return text + this.#factor;
  }
}

const circuit = circuitBreaker({ consecutiveFailures: 1 });

class Fragile {
  @resilient(circuit)
  async fail(): Promise<never> {
    throw down;
  }
}

describe("@resilient", () => {
  it("puts the policy around a method, which keeps its this and its arguments", async () => {
    const prices = new Prices(2);
    expect(await prices.of("rope", 3)).toBe("rope 6");
    expect(prices.calls).toBe(3);
  });

  it("leaves the method its name and its length", () => {
    const { of } = Prices.prototype;
    expect([of.name, of.length, Prices.all.name, Prices.all.length]).toEqual(["of", 2, "all", 0]);
  });

  it("goes around static and private methods too", async () => {
    expect(await Prices.all()).toBe(42);
    expect(await new Prices(7).viaPrivate()).toBe("s7");
  });

  it("shares the policy's state between all instances", async () => {
    await expect(new Fragile().fail()).rejects.toBe(down);
    await expect(new Fragile().fail()).rejects.toSatisfy((error) => isRejected(error, "circuit-open"));
    expect(circuit.state).toBe("open");
  });

  it.each([undefined, null, "retry", () => {}])("needs a policy, and %j is none", (value) => {
    expect(() => resilient(value as never)).toThrow(TypeError);
    expect(() => resilient(value as never)).toThrow(/^resilient: policy must be a policy, but is /);
  });

  it("makes a method that is called within another call a part of it", async () => {
    let current: Context | undefined;
    const storage: AsyncStorage<Context> = {
      run(value, callback) {
        current = value;
        return callback();
      },
      getStore: () => current,
    };
    const calls = contextStorage(storage);
    const found: unknown[] = [];
    class Shop {
      @resilient(compose(timeout("5s"), calls), calls)
      async outer(): Promise<void> {
        const { deadline = 0 } = calls.current ?? {};
        await this.inner(deadline);
      }

      @resilient(compose(timeout("1h"), calls), calls)
      async inner(deadline: number): Promise<void> {
        found.push(calls.current?.deadline === deadline);
      }
    }
    await new Shop().outer();
    expect(found).toEqual([true]);
  });
});
