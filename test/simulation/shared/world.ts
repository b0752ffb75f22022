import type { Random } from "ninelives";
import { platform } from "../../../src/core/platform.ts";
import type { VirtualTime } from "../virtual-time.ts";

/**
 * Stores that take the platform's clock and chance have those of the simulation, until what this gives is called. One
 * simulation runs at a time in a thread.
 */
export function onVirtualTime(time: VirtualTime, random: Random): () => void {
  const { clock: clockBefore, random: randomBefore } = platform;
  Object.assign(platform, { clock: time.clock(), random });
  return () => Object.assign(platform, { clock: clockBefore, random: randomBefore });
}
