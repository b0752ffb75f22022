/** Active health: turns after so many checks in a row that say otherwise. It begins healthy. */
export class CheckedHealth {
  healthy = true;
  #against = 0;

  /** @returns whether this check turned it */
  record(ok: boolean, unhealthyAfter: number, healthyAfter: number): boolean {
    if (ok === this.healthy) {
      this.#against = 0;
      return false;
    }
    this.#against++;
    if (this.#against < (this.healthy ? unhealthyAfter : healthyAfter)) return false;
    this.#against = 0;
    this.healthy = ok;
    return true;
  }
}
