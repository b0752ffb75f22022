/** What a clock gives back for a timer, to cancel it with. */
export type TimerHandle = unknown;

/** Where time comes from. Policies know no other. */
export interface Clock {
  /** Milliseconds on a clock that never goes back, from any origin. */
  now(): number;
  /** Milliseconds since 1970, for people and other machines. It may jump. */
  wall(): number;
  /** Calls back once, after `ms` milliseconds. */
  setTimer(callback: () => void, ms: number): TimerHandle;
  clearTimer(handle: TimerHandle): void;
  /** Whether the process must stay alive for a timer; it must until this says otherwise. */
  keepAlive(handle: TimerHandle, wanted: boolean): void;
  /**
   * Whether one call's timer may serve another call. It may not on Cloudflare Workers, where a timer dies with the
   * request that set it.
   */
  sharesTimers(): boolean;
}

// https://developer.mozilla.org/docs/Web/API/Window/setTimeout#maximum_delay_value
const longest = 2_147_483_647;

/** Structural, so that the core compiles in every world. */
interface Runtime {
  readonly navigator?: { readonly userAgent?: string };
}

interface Timeout {
  ref(): void;
  unref(): void;
}

/** The platform's clock. It reads the globals at each call, so fake timers work and importing it does nothing. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  setTimer: (callback, ms) => setTimeout(callback, Math.min(Math.ceil(ms), longest)),
  clearTimer: (handle) => clearTimeout(handle as number),
  keepAlive(handle, wanted) {
    // Only Node, Deno and Bun can; elsewhere a timer is a number and keeps nothing alive.
    if (typeof handle === "object" && handle !== null)
      wanted ? (handle as Timeout).ref() : (handle as Timeout).unref();
  },
  sharesTimers: () => (globalThis as Runtime).navigator?.userAgent !== "Cloudflare-Workers",
};
