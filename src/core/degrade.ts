import type { Context } from "./context.ts";

/** Notes that something else answered in place of a service that failed. */
export function degrade({ call: { notes } }: Context): void {
  if (notes) notes.degraded = true;
}
