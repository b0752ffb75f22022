/** What a host must do to be left out, and for how long it then is. */
export interface OutlierLimits {
  /** Failures in a row. */
  readonly failures: number;
  /** Milliseconds of the first ejection; the second in short order is twice as long, and so on. */
  readonly ejectFor: number;
  /** Milliseconds of an ejection at most. */
  readonly longest: number;
  /** The share of the hosts that may be out at a time, from 0 to 1; one may in any case. */
  readonly share: number;
}

/** What is known of one host. */
export class Outlier {
  /** Failures since the last success, or since it came back. */
  failures = 0;
  /** How often in short order it has been ejected. */
  ejections = 0;
  /** When it comes back, or came back. */
  until: number = -Infinity;

  isOut(now: number): boolean {
    return now < this.until;
  }
}

/** Milliseconds in place after which one ejection is forgotten: the interval of Envoy's sweeps. */
const forgetEvery = 10_000;

/**
 * Passive health: leaves out the hosts that fail again and again, while most stay in.
 *
 * Source: Envoy's outlier detection, consecutive 5xx: an ejection lasts as long as the base time for each ejection in
 * short order, and one of those is forgotten for each interval that the host stays in. Unlike there a failure beyond the
 * limit counts on while too many hosts are out, so that the host's turn comes with its next failure.
 */
export class Outliers {
  readonly #hosts = new Set<Outlier>();

  join(): Outlier {
    const host = new Outlier();
    this.#hosts.add(host);
    return host;
  }

  /** Forgets a host that is no more. */
  leave(host: Outlier): void {
    this.#hosts.delete(host);
  }

  succeed(host: Outlier, now: number): void {
    if (!host.isOut(now)) host.failures = 0;
  }

  /**
   * A call to the host failed.
   *
   * @returns milliseconds for which it is out from now on; 0 when it stays as it was
   */
  fail(host: Outlier, now: number, limits: OutlierLimits): number {
    // Calls that were under way when it was ejected are no news.
    if (host.isOut(now)) return 0;
    host.failures++;
    if (host.failures < limits.failures || this.#out(now) >= this.#most(limits.share)) return 0;
    const forgotten = host.ejections === 0 ? 0 : Math.floor((now - host.until) / forgetEvery);
    host.ejections = Math.max(0, host.ejections - forgotten) + 1;
    const ms = Math.min(limits.ejectFor * host.ejections, Math.max(limits.ejectFor, limits.longest));
    host.failures = 0;
    host.until = now + ms;
    return ms;
  }

  #out(now: number): number {
    let out = 0;
    for (const host of this.#hosts) if (host.isOut(now)) out++;
    return out;
  }

  #most(share: number): number {
    return Math.max(1, Math.floor(share * this.#hosts.size));
  }
}
