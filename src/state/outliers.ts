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

/** When a host is left out because it fails more than the others. */
export interface ComparisonLimits extends Omit<OutlierLimits, "failures"> {
  /** Hosts with enough calls that there must be, or nobody is compared. */
  readonly hosts: number;
  /** Calls that a host must have had since the last comparison, or it is left out of it. */
  readonly calls: number;
  /** How many standard deviations below the mean a success rate may be. */
  readonly deviations: number;
}

/** What is known of one host. */
export class Outlier {
  /** Calls since the last comparison, and those of them that failed. */
  calls = 0;
  failed = 0;
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
 * Source: Envoy's outlier detection, consecutive 5xx and success rate: an ejection lasts as long as the base time for each ejection in
 * short order, and one of those is forgotten for each interval that the host stays in. Unlike there a failure beyond the
 * limit counts on while too many hosts are out, so that the host's turn comes with its next failure.
 */
export class Outliers {
  readonly #hosts = new Set<Outlier>();
  #comparedAt: number | undefined;

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
    if (host.isOut(now)) return;
    host.failures = 0;
    host.calls++;
  }

  /** Whether the hosts should be compared: every so many milliseconds, counted from the first time that it is asked. */
  isDue(now: number, every: number): boolean {
    this.#comparedAt ??= now;
    return now - this.#comparedAt >= every;
  }

  /**
   * Leaves out the hosts whose success rate is far below that of the others, and counts anew.
   *
   * @returns those that are out from now on, and for how many milliseconds
   */
  compare(now: number, limits: ComparisonLimits): ReadonlyMap<Outlier, number> {
    this.#comparedAt = now;
    const judged = [...this.#hosts].filter((host) => host.calls >= limits.calls && !host.isOut(now));
    const rates = judged.map(({ calls, failed }) => 1 - failed / calls);
    const mean = meanOf(rates);
    const deviation = Math.sqrt(meanOf(rates.map((rate) => (rate - mean) ** 2)));
    // By a hair, so that what the sums are off by leaves out none of those that are all alike.
    const least = mean - limits.deviations * deviation - 1e-9;
    const ejected = new Map<Outlier, number>();
    if (judged.length >= limits.hosts) {
      for (const [index, host] of judged.entries()) {
        const outFor = (rates[index] as number) < least ? this.#eject(host, now, limits) : 0;
        if (outFor > 0) ejected.set(host, outFor);
      }
    }
    for (const host of this.#hosts) {
      host.calls = 0;
      host.failed = 0;
    }
    return ejected;
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
    host.calls++;
    host.failed++;
    return host.failures < limits.failures ? 0 : this.#eject(host, now, limits);
  }

  #eject(host: Outlier, now: number, limits: Omit<OutlierLimits, "failures">): number {
    if (this.#out(now) >= this.#most(limits.share)) return 0;
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

function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0) / Math.max(1, numbers.length);
}
