/** A place in a line, linked with its neighbours. */
export interface Place<T> {
  readonly priority: number;
  before: T | undefined;
  after: T | undefined;
}

/** Those that wait: the highest priority first, and of equals the first or the last that came. */
export class Line<T extends Place<T>> {
  size = 0;
  first: T | undefined;
  last: T | undefined;

  /** @param newestFirst whether it goes before its equals or after them */
  add(place: T, newestFirst: boolean): void {
    // From the end where the newcomer most likely belongs.
    let { last: before, first: after }: { last: T | undefined; first: T | undefined } = this;
    if (newestFirst) {
      while (after !== undefined && after.priority > place.priority) after = after.after;
      before = after === undefined ? this.last : after.before;
    } else {
      while (before !== undefined && before.priority < place.priority) before = before.before;
      after = before === undefined ? this.first : before.after;
    }
    place.before = before;
    place.after = after;
    if (before === undefined) this.first = place;
    else before.after = place;
    if (after === undefined) this.last = place;
    else after.before = place;
    this.size++;
  }

  remove(place: T): void {
    const { before, after } = place;
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.last = before;
    else after.before = before;
    this.size--;
  }
}
