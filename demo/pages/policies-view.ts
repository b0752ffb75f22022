import type { PolicyEvent } from "ninelives";
import type { Resource } from "../wire.ts";
import { byId, element, say } from "./elements.ts";
import { sentence } from "./sentence.ts";
import { type Shelf, text } from "./shelf.ts";
import { capitalised, meanings } from "./words.ts";

/** Lines of news that stay on the page. */
const longest = 40;

/** What the policies are doing. Gives a function that shows the present state, and one that takes events. */
export function policiesView(shelves: readonly Shelf<unknown>[]): {
  show(): void;
  tell(event: PolicyEvent): void;
} {
  say(byId("policy-text"), text);
  const rows = new Map(shelves.map(({ resource }) => [resource, new Row(resource)]));
  byId("circuits").replaceChildren(...[...rows.values()].map(({ root }) => root));
  const list = byId("events");
  const lines = new Map<string, Line>();

  return {
    show() {
      for (const shelf of shelves) rows.get(shelf.resource)?.show(shelf);
    },
    tell(event) {
      const words = sentence(event);
      if (words === undefined) return;
      const before = lines.get(event.policy);
      // What happens again and again stays one line, which comes to the top.
      const line = before?.words === words ? before : new Line(event.policy, words);
      line.happened(event);
      lines.set(event.policy, line);
      list.prepend(line.root);
      while (list.childElementCount > longest) list.lastElementChild?.remove();
    },
  };
}

/** Something that happened, once or several times in a row. */
class Line {
  readonly words: string;
  readonly root: HTMLElement;
  readonly #time = element("time");
  readonly #times = element("span", { class: "times" });
  #count = 0;

  constructor(policy: string, words: string) {
    this.words = words;
    const about = element("b", {}, capitalised(policy.replace(/^page\./, "")));
    this.root = element("li", {}, this.#time, element("span", {}, about, ` ${words} `, this.#times));
  }

  happened({ type, at }: PolicyEvent): void {
    this.#count++;
    this.root.dataset.event = type;
    say(this.#time, new Date(at).toLocaleTimeString("en-GB"));
    say(this.#times, this.#count === 1 ? "" : `×\u00a0${this.#count}`);
  }
}

/** One circuit: how it stands, and what became of the calls of this tab. */
class Row {
  readonly root: HTMLElement;
  readonly #state: HTMLElement;
  readonly #word = element("b");
  readonly #meaning = element("span", { class: "meaning" });
  readonly #sent: HTMLElement;
  readonly #refused: HTMLElement;

  constructor(resource: Resource) {
    this.#state = element(
      "p",
      { class: "state", "data-testid": `state-${resource}` },
      element("i", { class: "shape" }),
      this.#word,
      " ",
      this.#meaning,
    );
    this.#sent = element("dd", { "data-testid": `calls-${resource}` });
    this.#refused = element("dd", { "data-testid": `refused-${resource}` });
    this.root = element(
      "li",
      {},
      element("h3", {}, capitalised(resource)),
      this.#state,
      element(
        "dl",
        {},
        element("div", {}, element("dt", {}, "sent"), this.#sent),
        element("div", {}, element("dt", {}, "refused"), this.#refused),
      ),
    );
  }

  show({ circuit, sent, refused }: Shelf<unknown>): void {
    const { state } = circuit;
    this.#state.dataset.state = state;
    say(this.#word, state);
    say(this.#meaning, meanings[state]);
    say(this.#sent, String(sent));
    say(this.#refused, String(refused));
  }
}
