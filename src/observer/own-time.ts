/** Events before this many milliseconds ago are counted as of then: a client's clock is not trusted. */
const oldest = 60_000;

/** What tells when things happened by its sender's clock: a batch, as a collector has read it. */
interface Dated {
  readonly sentAt: number;
  readonly events: readonly { readonly at: number }[];
}

/**
 * When an event was, by the clock of whom it was sent to: of the sender's clock only differences count, up to a minute.
 *
 * @param now milliseconds since 1970, when the batch came
 */
export function ownTime(at: number, sentAt: number, now: number): number {
  return now - Math.min(Math.max(0, sentAt - at), oldest);
}

/**
 * A batch with the times of whom it was sent to instead of its sender's, as the observer counts it: for whoever passes it on.
 *
 * @param now milliseconds since 1970, when the batch came
 * @example
 * const passedOn = inOwnTime({ sentAt: 5_000, events: [{ at: 4_700 }] }, Date.now());
 */
export function inOwnTime<B extends Dated>(batch: B, now: number): B {
  const events = batch.events.map((event) => ({ ...event, at: ownTime(event.at, batch.sentAt, now) }));
  return { ...batch, sentAt: now, events };
}
