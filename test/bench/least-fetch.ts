/** The name of its row in the tables. */
export const leastFetchName = "the least that keeps fetch's manners";

interface Place {
  before: Place;
  after: Place;
}

/**
 * What a fetch with the standard policy for each origin must do at the least, written by hand for that alone.
 *
 * It tells method and origin, makes a signal that follows the caller's, keeps a deadline in a list with one timer, holds a
 * slot, counts the call for a retry budget and in a ring of a hundred marks, and judges the status. Where anything went
 * wrong it would have to do more: there is no second try, no circuit that opens, no option, no event.
 */
export function leastFetch(native: typeof fetch): (url: string, init?: RequestInit) => Promise<Response> {
  const marks = new Uint8Array(100);
  const timer = setTimeout(() => {}, 3_600_000);
  timer.unref();
  const line = {} as Place;
  line.before = line.after = line;
  let origin = "";
  let next = 0;
  let active = 0;
  let begun = 0;
  return (url, init) =>
    new Promise((resolve, reject) => {
      if (origin === "" || !url.startsWith(origin)) origin = new URL(url).origin;
      const method = init?.method ?? "GET";
      const controller = new AbortController();
      const outer = init?.signal ?? undefined;
      const onAbort = outer && (() => controller.abort(outer.reason));
      if (onAbort !== undefined) outer?.addEventListener("abort", onAbort);
      const call = {
        before: line.before,
        after: line,
        deadline: performance.now() + 10_000,
        repeatable: method === "GET" || method === "HEAD",
        controller,
        reject,
      };
      if (line.after === line) timer.ref();
      call.before.after = line.before = call;
      active++;
      begun++;
      const leave = (mark: 0 | 1): void => {
        active--;
        call.before.after = call.after;
        call.after.before = call.before;
        if (line.after === line) timer.unref();
        if (onAbort !== undefined) outer?.removeEventListener("abort", onAbort);
        marks[next] = mark;
        next = next === 99 ? 0 : next + 1;
      };
      native(url, { ...init, signal: controller.signal }).then(
        (response) => {
          leave(response.status >= 500 ? 1 : 0);
          resolve(response);
        },
        (error: unknown) => {
          leave(begun > active ? 1 : 0);
          reject(error);
        },
      );
    });
}
