/** A policy of one's own: a function from a service to a service. It composes with all the others, in text too. */
import { compose, constant, definePolicy, definePolicyFor, format, parse, retry } from "ninelives";

/** Looks at neither request nor response, so it goes around any service. */
const logged = (label: string) =>
  definePolicy("logged", (next) => async (request, context) => {
    console.log(`${label}: attempt ${context.attempt}`);
    return next(request, context);
  });

/** Reads the request, so the compiler wants a service whose request is a text. */
const trimmed = definePolicyFor<string, string>(
  "trimmed",
  (next) => (request, context) => next(request.trim(), context),
);

let calls = 0;
const shout = async (text: string): Promise<string> => {
  if (++calls < 2) throw new Error("hoarse");
  return `${text.toUpperCase()}!`;
};

const policy = compose(trimmed, retry({ attempts: 2, backoff: constant(0) }), logged("shout"));
console.log(await policy.wrap(shout)("  meow "));
//=> shout: attempt 1
//=> shout: attempt 2
//=> MEOW!

const scope = { trimmed, logged: () => logged("by text") };
const byText = parse<string, string>("trimmed + logged", scope);
console.log(await byText.wrap(shout)(" purr "));
//=> by text: attempt 1
//=> PURR!
console.log(format(byText)); //=> trimmed + logged
