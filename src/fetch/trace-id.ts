import type { Random } from "../core/random.ts";
import { isZero } from "./traceparent.ts";

/** An id of so many digits: 32 bits at a time, since no source of chance has fewer, and never zeros alone. */
export function hexadecimal(digits: number, random: Random): string {
  let text = "";
  while (text.length < digits) {
    text += Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, "0");
  }
  return isZero(text) ? `${text.slice(1)}1` : text;
}
