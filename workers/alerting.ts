import { circuitBreaker, compose, type Policy, retry, type Service, timeout, type Wrapped } from "ninelives";
import { type AlertNotice, type AlertRule, type CheckedRule, checkRules } from "ninelives/observer";
import { DeliveryError } from "ninelives/telemetry";
import { json, text, texts } from "./configured.ts";

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
  const { rules, webhook, ...unknown } = only(json(configured, "ALERTS"), "ALERTS");
  refuseMore(unknown, "ALERTS", ["rules", "webhook"]);
  return {
    rules: checkRules(rules as readonly AlertRule[], "ALERTS.rules"),
    notify: webhook === undefined ? undefined : persistent().wrap(readWebhook(webhook)),
  };
}

/** A webhook that is down is left alone for a while: what it missed is told when it is back. */
const persistent = (): Policy<AlertNotice, void> =>
  compose(
    circuitBreaker({ consecutiveFailures: 3, openFor: "30s" }),
    timeout("25s"),
    retry(3),
    timeout("8s"),
  );

function readWebhook(webhook: unknown): Service<AlertNotice, void> {
  const at = "ALERTS.webhook";
  const { url, headers, ...unknown } = only(webhook, at);
  refuseMore(unknown, at, ["url", "headers"]);
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
    if (!response.ok) throw new DeliveryError(response.status);
  };
}

function only(value: unknown, option: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new TypeError(`${option} must be an object`);
}

function refuseMore(unknown: object, option: string, names: readonly string[]): void {
  const [name] = Object.keys(unknown);
  if (name !== undefined)
    throw new TypeError(`${option} has no option ${JSON.stringify(name)}; it has ${names.join(", ")}`);
}
