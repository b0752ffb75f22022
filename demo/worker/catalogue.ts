import type { Price, Product, Resource, Review } from "../wire.ts";

interface Item extends Product {
  readonly cents: number;
  readonly review: Omit<Review, "id">;
}

const items: readonly Item[] = [
  {
    id: "ridge-harness",
    name: "Ridge harness",
    text: "Four buckles, no pinch. Holds eight kilos of stubbornness on a rope.",
    picture: "harness",
    cents: 4900,
    review: { stars: 4.8, count: 312, quote: "Went up the bookcase, came down in style.", by: "Mittens" },
  },
  {
    id: "down-nest",
    name: "Down nest",
    text: "A sleeping bag with one opening and no opinions about when you leave it.",
    picture: "nest",
    cents: 8900,
    review: { stars: 4.9, count: 541, quote: "Have not been outside since October.", by: "Biscuit" },
  },
  {
    id: "trail-sardines",
    name: "Trail sardines",
    text: "Six tins, ring pull. The lightest dinner above the tree line.",
    picture: "tin",
    cents: 1450,
    review: { stars: 4.6, count: 980, quote: "The human cannot open them fast enough.", by: "Otto" },
  },
  {
    id: "summit-bell",
    name: "Summit bell",
    text: "Rings once for each peak. Silent the rest of the time, we promise.",
    picture: "bell",
    cents: 950,
    review: { stars: 3.9, count: 127, quote: "The birds now know my schedule.", by: "Sir Pounce" },
  },
  {
    id: "cats-eye-lamp",
    name: "Cat’s-eye lamp",
    text: "Sees round corners at three in the morning. So will the neighbours.",
    picture: "lamp",
    cents: 3600,
    review: { stars: 4.4, count: 203, quote: "Found the red dot at last.", by: "Luna" },
  },
  {
    id: "alpine-rope",
    name: "Alpine sisal rope",
    text: "Ten metres for climbing, scratching, or tying up the hallway.",
    picture: "rope",
    cents: 2750,
    review: { stars: 4.7, count: 388, quote: "The sofa sends its thanks.", by: "Pepper" },
  },
  {
    id: "rain-cape",
    name: "Rain cape",
    text: "Keeps the weather out and the dignity in. Folds into its own pocket.",
    picture: "cape",
    cents: 5400,
    review: { stars: 4.1, count: 96, quote: "I sat still. That is my review.", by: "Duchess" },
  },
  {
    id: "folding-bowl",
    name: "Folding bowl",
    text: "Flat in the pack, full at the hut. Never once seen as full enough.",
    picture: "bowl",
    cents: 1290,
    review: { stars: 4.5, count: 655, quote: "I can see the bottom. Send help.", by: "Mochi" },
  },
  {
    id: "ninth-life",
    name: "The ninth life",
    text: "A spare, for when the other eight were spent on curiosity.",
    picture: "heart",
    cents: 9990,
    review: { stars: 5, count: 9, quote: "Landed on my feet. Again.", by: "Schrödinger" },
  },
];

/** What the shop sells, at a time: prices and stocks move a little from minute to minute. */
export function catalogue(resource: Resource, now: number): readonly (Product | Price | Review)[] {
  const minute = Math.floor(now / 60_000);
  switch (resource) {
    case "products":
      return items.map(({ id, name, text, picture }) => ({ id, name, text, picture }));
    case "prices":
      return items.map(({ id, cents }, index) => ({
        id,
        cents: priceAt(cents, index, minute),
        before: priceAt(cents, index, minute - 1),
        left: 3 + ((minute * 7 + index * 11) % 23),
      }));
    case "reviews":
      return items.map(({ id, review }) => ({ id, ...review }));
  }
}

/** Within a twentieth of the list price, in steps of ten cents. */
function priceAt(cents: number, index: number, minute: number): number {
  return Math.round((cents * (1 + 0.05 * Math.sin(minute * 1.7 + index * 2.3))) / 10) * 10;
}
