import type { Context } from "./context.ts";
import { type Exit, type Passage, pass, passageOf, through } from "./exit.ts";
import type { Policy, Service } from "./policy.ts";

/** A layer that goes by another policy for each call; each is linked once, however often it is chosen. */
export function byChoice<Req, Res>(
  choose: (request: Req, context: Context) => Policy<Req, Res>,
): (next: Service<Req, Res>) => Service<Req, Res> {
  return (next) => {
    const linked = new WeakMap<object, Passage<Req, Res>>();
    /** That of the call before, which is nearly always the same one. */
    let last: Policy<Req, Res> | undefined;
    let passage: Passage<Req, Res> | undefined;
    function chosen(request: Req, context: Context, exit: Exit<Res>): unknown {
      const policy = choose(request, context);
      if (policy !== last) {
        last = policy;
        passage = linked.get(policy) ?? passageOf(policy.layer(next));
        linked.set(policy, passage);
      }
      return pass(passage as Passage<Req, Res>, request, context, exit);
    }
    // Any of the policies may let a caller go early.
    return through(next, () => chosen, true);
  };
}
