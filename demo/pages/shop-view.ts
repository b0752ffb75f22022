import type { Price, Product, Resource, Review } from "../wire.ts";
import { byId, element, picture, say } from "./elements.ts";
import { age, freshness, outlook } from "./freshness.ts";
import type { Shelf } from "./shelf.ts";
import { capitalised, euros } from "./words.ts";

export interface Shelves {
  readonly products: Shelf<Product>;
  readonly prices: Shelf<Price>;
  readonly reviews: Shelf<Review>;
}

/** The left part of the page: what a customer sees. Gives a function that shows the present state. */
export function shopView(shelves: Shelves): (now: number) => void {
  const chips = new Map(Object.values(shelves).map((shelf) => [shelf.resource, chip(shelf.resource)]));
  byId("freshness").replaceChildren(...chips.values());
  const [grid, news] = [byId("products"), byId("news")];
  const [empty, emptyOutlook] = [byId("empty"), byId("empty-outlook")];
  const cards = new Map<string, Card>();
  let said: string | undefined;

  return function show(now) {
    for (const shelf of Object.values(shelves)) showChip(chips.get(shelf.resource), shelf, now);
    const products = shelves.products.kept?.items ?? [];
    if (products.length !== cards.size || products.some(({ id }) => !cards.has(id))) {
      cards.clear();
      for (const product of products) cards.set(product.id, new Card(product));
      grid.replaceChildren(...[...cards.values()].map(({ root }) => root));
    }
    for (const [id, card] of cards) card.show(id, shelves, now);
    empty.hidden = products.length > 0;
    say(emptyOutlook, `Nothing is on the shelves yet: ${outlook(shelves.products, now)}.`);

    // Read aloud when something changes, not with each second of a countdown.
    const troubled = Object.values(shelves).filter((shelf) => shelf.fresh === false);
    const names = troubled.map(({ resource }) => resource).join(" and ");
    const sentence = names === "" ? "Everything is fresh." : `The latest ${names} cannot be had right now.`;
    if (said !== undefined || names !== "") say(news, sentence);
    said = sentence;
  };
}

function chip(resource: Resource): HTMLLIElement {
  return element(
    "li",
    { "data-testid": `freshness-${resource}` },
    element("i", { class: "dot" }),
    " ",
    element("strong", {}, capitalised(resource)),
    " ",
    element("span", { class: "age" }),
    " ",
    element("span", { class: "outlook" }),
  );
}

function showChip(chip: HTMLElement | undefined, shelf: Shelf<unknown>, now: number): void {
  const words = chip?.querySelectorAll("span");
  if (chip === undefined || words?.[0] === undefined || words[1] === undefined) return;
  chip.dataset.freshness = freshness(shelf);
  say(words[0], age(shelf, now));
  say(words[1], outlook(shelf, now));
}

/** One product on the shelf, whose price and review may be older than itself, or not there yet. */
class Card {
  readonly root: HTMLElement;
  readonly #price = element("span", { class: "amount" });
  readonly #trend = element("span", { class: "trend" });
  readonly #priceNote = element("small");
  readonly #stars = element("span", { class: "stars", role: "img" });
  readonly #quote = element("q");
  readonly #by = element("cite");
  readonly #reviewNote = element("small");
  readonly #priceLine = element("p", { class: "price" }, this.#price, " ", this.#trend, this.#priceNote);
  readonly #reviewLine = element(
    "div",
    { class: "review" },
    element("div", { class: "rating" }, this.#stars, this.#reviewNote),
    element("p", {}, this.#quote, " ", this.#by),
  );

  constructor({ name, text, picture: symbol }: Product) {
    this.root = element(
      "article",
      { class: "card" },
      element("div", { class: "picture" }, picture(symbol)),
      element("h3", {}, name),
      element("p", { class: "text" }, text),
      this.#priceLine,
      this.#reviewLine,
    );
  }

  show(id: string, { prices, reviews }: Shelves, now: number): void {
    const price = prices.kept?.items.find((each) => each.id === id);
    this.#priceLine.dataset.freshness = freshness(prices);
    say(this.#price, price === undefined ? "Price to follow" : euros(price.cents));
    const [change, said] = price === undefined ? ["", ""] : trend(price);
    say(this.#trend, change);
    this.#trend.dataset.trend = said;
    say(this.#priceNote, age(prices, now) || (price === undefined ? "" : `${price.left} left`));

    const review = reviews.kept?.items.find((each) => each.id === id);
    this.#reviewLine.dataset.freshness = freshness(reviews);
    const stars = review?.stars ?? 0;
    this.#stars.hidden = this.#quote.hidden = review === undefined;
    this.#stars.setAttribute("aria-label", `${stars} of 5 stars`);
    this.#stars.dataset.stars = String(Math.round(stars * 2));
    say(this.#quote, review?.quote ?? "");
    say(
      this.#by,
      review === undefined ? "Reviews to follow" : `${review.by}, with ${review.count - 1} others`,
    );
    say(this.#reviewNote, age(reviews, now));
  }
}

function trend({ cents, before }: Price): readonly [text: string, trend: string] {
  if (cents === before) return ["", "same"];
  return cents < before ? [`▾ ${euros(before - cents)}`, "down"] : [`▴ ${euros(cents - before)}`, "up"];
}
