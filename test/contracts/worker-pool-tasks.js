/** What the pool's tests run in workers. */

let calls = 0;

export default (number) => number * 2;

/** How often this very worker has been asked. */
export const count = () => ++calls;

export const echo = async (input) => input;

class OutOfStock extends Error {
  name = "OutOfStock";
  constructor(article) {
    super(`no ${article} left`, { cause: "sold" });
    this.article = article;
    this.reorder = () => {};
  }
}

export function fail(how) {
  switch (how) {
    case "own":
      throw new OutOfStock("rope");
    case "range":
      throw new RangeError("too far");
    case "text":
      return Promise.reject("just a text");
    default:
      return Promise.reject(() => {});
  }
}

export const uncloneable = () => () => {};

/** Ends only with its worker. */
export function hang() {
  for (;;);
}

/** Never settles, and lets go of the thread. */
export const wait = () => new Promise(() => {});

/** Fails outside of any call. */
export function stray() {
  setTimeout(() => {
    throw new Error("stray");
  });
  return new Promise(() => {});
}

export const noFunction = 5;
