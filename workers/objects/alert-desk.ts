import {
  type AlertNotice,
  type AlertReport,
  Alerts,
  type AlertsSnapshot,
  type PolicyState,
} from "ninelives/observer";
import { type Alerting, readAlerts } from "../alerting.ts";

/** Notices that wait for a webhook that is down, and how long they are worth telling in milliseconds. */
const mostWaiting = 100;
const worthTelling = 3_600_000;

/** The alerts of one observer, and the notices that somebody still has to be told. Both survive a restart. */
export class AlertDesk {
  readonly #kv: SyncKvStorage;
  readonly #alerts: Alerts;
  readonly #notify: Alerting["notify"];
  /** Whether there is any rule. */
  readonly watches: boolean;
  #waiting: AlertNotice[];
  #telling = false;
  #stored = "[]";

  constructor(kv: SyncKvStorage, configured: string | undefined) {
    const { rules, notify } = alerting(configured);
    this.#kv = kv;
    this.#alerts = new Alerts(rules);
    this.#notify = notify;
    this.watches = rules.length > 0;
    this.#alerts.restore(kv.get<AlertsSnapshot>("alerts") ?? []);
    this.#waiting = kv.get<AlertNotice[]>("alerts-waiting") ?? [];
  }

  /** Whether somebody still has to be told. */
  get waits(): boolean {
    return this.#waiting.length > 0;
  }

  reports(): readonly AlertReport[] | undefined {
    return this.watches ? this.#alerts.reports() : undefined;
  }

  /** Looks at the policies, and tells in the background what is news. */
  look(policies: readonly PolicyState[], now: number): Promise<void> {
    const news = this.#alerts.evaluate(policies, now);
    if (this.#notify !== undefined && news.length > 0) this.#keep([...this.#waiting, ...news]);
    const snapshot = this.#alerts.snapshot();
    const text = JSON.stringify(snapshot);
    if (text !== this.#stored) this.#kv.put("alerts", snapshot);
    this.#stored = text;
    return this.#tell(now);
  }

  /** Tells what waits, in order, until one cannot be told: it and those behind it wait for the next look. */
  async #tell(now: number): Promise<void> {
    if (this.#telling || this.#notify === undefined) return;
    this.#telling = true;
    try {
      for (let notice = this.#waiting[0]; notice !== undefined; notice = this.#waiting[0]) {
        if (now - notice.at <= worthTelling) await this.#notify(notice);
        const told = notice;
        this.#keep(this.#waiting.filter((other) => other !== told));
      }
    } catch (error) {
      console.warn("an alert could not be told yet", error);
    } finally {
      this.#telling = false;
    }
  }

  #keep(waiting: AlertNotice[]): void {
    this.#waiting = waiting.slice(-mostWaiting);
    this.#kv.put("alerts-waiting", this.#waiting);
  }
}

/** What is wrong with the configuration `/healthz` says as well; events are counted all the same. */
function alerting(configured: string | undefined): Alerting {
  try {
    return readAlerts(configured);
  } catch (error) {
    console.error("there are no alerts", error);
    return { rules: [], notify: undefined };
  }
}
