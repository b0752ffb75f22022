import { type Check, having } from "../core/options.ts";
import type { RetryBudget } from "../state/retry-budget.ts";

/** What `retry` and `hedge` take for a budget. Apart from the budgets, which who uses none need not bundle. */
export const asBudget: Check<RetryBudget, RetryBudget> = having("spend", "a budget such as retryBudget()");
