import { useSyncExternalStore } from "hono/jsx/dom";
import { emptyModel, type Model } from "./model.ts";

/** Milliseconds between two renders, however fast messages come. */
const calm = 200;

/** Holds the model and tells the page when it is time to draw it again. */
export class Store {
  #model = emptyModel;
  readonly #watchers = new Set<() => void>();
  #frame: number | undefined;
  #drawnAt = 0;

  get model(): Model {
    return this.#model;
  }

  /** Replaces the model. Changes are drawn together, with the next frame but a few times a second at most. */
  update(change: (model: Model) => Model): void {
    const next = change(this.#model);
    if (next === this.#model) return;
    this.#model = next;
    this.#frame ??= requestAnimationFrame(this.#draw);
  }

  readonly subscribe = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  readonly #draw = (time: number): void => {
    if (time - this.#drawnAt < calm) {
      this.#frame = requestAnimationFrame(this.#draw);
      return;
    }
    this.#frame = undefined;
    this.#drawnAt = time;
    for (const watcher of this.#watchers) watcher();
  };
}

/** The model, as a component sees it. */
export function useModel(store: Store): Model {
  return useSyncExternalStore(store.subscribe, () => store.model);
}
