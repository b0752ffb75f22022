import {
  type AlertNotice,
  type AlertReport,
  Alerts,
  type AlertsSnapshot,
  type PolicyState,
  windowSpans,
} from "ninelives/observer";
import { type Alerting, readAlerts } from "../alerting.ts";

/** Notices that wait for a webhook that is down, and how long they are worth telling in milliseconds. */
const mostWaiting = 100;
const worthTelling = 3_600_000;
/** Milliseconds between looks at the rules: the windows have slots of that length. */
const lookEvery = 5_000;

/**
 * The alerts of one observer, and the notices that somebody still has to be told. Both survive a restart.
 *
 * It looks by the alarm of its object, as long as a window holds something or somebody has to be told.
 */
export class AlertDesk {
  readonly #state: DurableObjectState;
  readonly #kv: SyncKvStorage;
  readonly #alerts: Alerts;
  readonly #notify: Alerting["notify"];
  /** Whether there is any rule. */
  readonly watches: boolean;
  /** The policy that somebody else looks at. */
  readonly #elsewhere: string | undefined;
  /** Whether an alarm is set, as far as this life of the object knows. */
  #looking = false;
  #waiting: AlertNotice[];
  #telling = false;
  /** Until when the webhook asked to be left alone, or its circuit is open. */
  #restsUntil = 0;
  #stored = "[]";

  /**
   * @param configured what `ALERTS` holds
   * @param elsewhere a policy that somebody else looks at
   */
  constructor(state: DurableObjectState, configured: string | undefined, elsewhere?: string) {
    const { rules, notify } = alerting(configured);
    const { kv } = state.storage;
    this.#state = state;
    this.#kv = kv;
    this.#elsewhere = elsewhere;
    this.#alerts = new Alerts(rules);
    this.#notify = notify;
    this.watches = rules.length > 0;
    this.#alerts.restore(kv.get<AlertsSnapshot>("alerts") ?? []);
    this.#waiting = kv.get<AlertNotice[]>("alerts-waiting") ?? [];
  }

  reports(): readonly AlertReport[] | undefined {
    return this.watches ? this.#alerts.reports() : undefined;
  }

  /** Sets the alarm that `look` is for, where there is anything to look for. */
  lookSoon(): void {
    if (!this.watches || this.#looking) return;
    this.#looking = true;
    this.#state.waitUntil(this.#state.storage.setAlarm(Date.now() + lookEvery));
  }

  /** Looks at the policies, tells in the background what is news, and comes again if there may be more. */
  look(policies: readonly PolicyState[], now: number): Promise<void> {
    this.#looking = false;
    const news = this.#alerts.evaluate(
      policies.filter(({ policy }) => policy !== this.#elsewhere),
      now,
    );
    if (this.#notify !== undefined && news.length > 0) this.#keep([...this.#waiting, ...news]);
    const snapshot = this.#alerts.snapshot();
    const text = JSON.stringify(snapshot);
    if (text !== this.#stored) this.#kv.put("alerts", snapshot);
    this.#stored = text;
    const awake = policies.some(({ lastEventAt }) => now - lastEventAt <= windowSpans["15m"]);
    if (awake || this.#waiting.length > 0) this.lookSoon();
    return this.#tell(now);
  }

  /** Tells what waits, in order, until one cannot be told: it and those behind it wait for the next look. */
  async #tell(now: number): Promise<void> {
    // A clock that was put back must not make it a long rest.
    const rests = now < this.#restsUntil && this.#restsUntil <= now + worthTelling;
    if (this.#telling || rests || this.#notify === undefined) return;
    this.#telling = true;
    try {
      for (let notice = this.#waiting[0]; notice !== undefined; notice = this.#waiting[0]) {
        if (now - notice.at <= worthTelling) await this.#notify(notice);
        const told = notice;
        this.#keep(this.#waiting.filter((other) => other !== told));
      }
    } catch (error) {
      const { retryAfter } = Object(error) as { readonly retryAfter?: number };
      this.#restsUntil = Date.now() + (retryAfter ?? 0);
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
