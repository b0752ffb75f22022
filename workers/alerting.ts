import {
  circuitBreaker,
  compose,
  environment,
  type Policy,
  retry,
  type Service,
  timeout,
  type Wrapped,
} from "ninelives";
import { type AlertNotice, type AlertRule, type CheckedRule, checkRules } from "ninelives/observer";
import { classifyDelivery, DeliveryError } from "ninelives/telemetry";
import { json, only, text, texts } from "./configured.ts";

/** What `ALERTS` says: when somebody should know, and where to tell them. */
export interface Alerting {
  readonly rules: readonly CheckedRule[];
  /** Tells one notice; nothing when nobody wants to be told. */
  readonly notify: Wrapped<AlertNotice, void> | undefined;
}

/**
 * Reads the rules for alerts.
 *
 * @param configured JSON: `{ "rules": [{ "name", "when", ... }], "webhook": { "url", "headers" } }`; empty for none
 * @throws TypeError or RangeError that says what is wrong; it never quotes the webhook
 */
export function readAlerts(configured: string | undefined): Alerting {
  if (configured === undefined || configured.trim() === "") return { rules: [], notify: undefined };
  const { rules, webhook } = only(json(configured, "ALERTS"), "ALERTS", ["rules", "webhook"]);
  return {
    rules: checkRules(rules as readonly AlertRule[], "ALERTS.rules"),
    notify: webhook === undefined ? undefined : persistent().wrap(readWebhook(webhook)),
  };
}

/** A webhook that is down is left alone for a while, or as long as it asks: what it missed is told when it is back. */
const persistent = (): Policy<AlertNotice, void> =>
  compose(
    environment({ classify: classifyDelivery }),
    circuitBreaker({ consecutiveFailures: 3, openFor: "30s" }),
    timeout("25s"),
    retry(3),
    timeout("8s"),
  );

function readWebhook(webhook: unknown): Service<AlertNotice, void> {
  const at = "ALERTS.webhook";
  const { url, headers } = only(webhook, at, ["url", "headers"]);
  const address = text(url, `${at}.url`);
  if (!URL.canParse(address)) throw new TypeError(`${at}.url must be a URL`);
  const init = {
    method: "POST",
    headers: { "content-type": "application/json", ...texts(headers, `${at}.headers`) },
  };
  return async function webhook(notice, { signal }) {
    const body = JSON.stringify(notice);
    // Of `redirect: "error"` workerd knows nothing; one that redirects has not been told.
    const response = await fetch(address, { ...init, body, signal, redirect: "manual" });
    await response.body?.cancel();
    if (isForGood(response.status))
      console.warn(`the webhook refused an alert with ${response.status}`, notice.text);
    else if (!response.ok) throw DeliveryError.of(response);
  };
}

/** Whether the same notice would be refused again, while others may be taken: it must not hold them back. */
function isForGood(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429;
}
