import type { Context } from "../core/context.ts";
import { environment } from "../core/environment.ts";
import { isRejected } from "../core/errors.ts";
import { compose, identity } from "../core/policy.ts";
import { timeout } from "../policies/timeout.ts";
import type { World } from "./world.ts";

/**
 * Does something until it is done, it calls `end`, its time is over, or somebody presses Ctrl-C, which is thrown.
 *
 * Whatever of it still runs then is ended by the context.
 */
export async function until(
  { clock, signal }: World,
  time: number | undefined,
  work: (context: Context, end: () => void) => Promise<void>,
): Promise<void> {
  const ended = new AbortController();
  const bounded = compose(environment({ clock }), time === undefined ? identity : timeout(time));
  try {
    await bounded.execute((context) => work(context, () => ended.abort()), {
      signal: AbortSignal.any([signal, ended.signal]),
    });
  } catch (error) {
    if (!ended.signal.aborted && (time === undefined || !isRejected(error, "timeout"))) throw error;
  } finally {
    ended.abort();
  }
}
