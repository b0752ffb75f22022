/** A source of numbers, each at least 0 and below 1. */
export type Random = () => number;

/** The platform's own, looked up at each call. */
export const systemRandom: Random = () => Math.random();
