/** A policy is also a text: for documents, dashboards and logs. Names that are not built in come from a scope. */
import { ExpressionError, format, parse } from "ninelives";

const lastKnown = () => "yesterday's prices";
const text = "timeout(1s) + retry(2, backoff: constant(1ms)) | answer(lastKnown)";
const policy = parse(text, { lastKnown });

const prices = await policy.execute(async () => {
  throw new Error("the origin is down");
});

console.log(prices); //=> yesterday's prices
console.log(format(policy) === text); //=> true

try {
  parse("retry(3) + timeuot(1s)");
} catch (error) {
  const { line, column } = error as ExpressionError;
  console.log(error instanceof ExpressionError, line, column); //=> true 1 12
}
