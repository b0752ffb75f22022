/** A source of numbers, each at least 0 and below 1. */
export type Random = () => number;

/** The platform's own, looked up at each call. */
export const systemRandom: Random = () => Math.random();

/**
 * Random numbers that are the same for the same seed, on every runtime.
 *
 * Source: mulberry32 by Tommy Ettinger (public domain).
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
