import type { EventSink, PolicyEvent } from "ninelives";
import { indexedDbStore } from "ninelives/stores/indexeddb";
import { multicast } from "ninelives/telemetry";
import type { Price, Product, Review } from "../wire.ts";
import { collector } from "./collector.ts";
import { byId } from "./elements.ts";
import { knobs } from "./knobs.ts";
import { knobsView } from "./knobs-view.ts";
import { policiesView } from "./policies-view.ts";
import { Shelf } from "./shelf.ts";
import { type Shelves, shopView } from "./shop-view.ts";

/** Milliseconds between two looks at the gateway, and between two paintings of countdowns. */
const refreshEvery = 2500;
const paintEvery = 250;

const listeners: ((event: PolicyEvent) => void)[] = [];
const here: EventSink = {
  emit(event) {
    for (const listener of listeners) listener(event);
  },
};

const tabs = indexedDbStore();
const sink = multicast(here, collector());
const shelves: Shelves = {
  products: new Shelf<Product>({ resource: "products", tabs, sink }),
  prices: new Shelf<Price>({ resource: "prices", tabs, sink }),
  reviews: new Shelf<Review>({ resource: "reviews", tabs, sink }),
};
const all: readonly Shelf<unknown>[] = Object.values(shelves);
const showShop = shopView(shelves);
const policies = policiesView(all);
const refreshKnobs = knobsView(knobs());
listeners.push(policies.tell);

function paint(): void {
  showShop(Date.now());
  policies.show();
}

async function reload(): Promise<void> {
  await Promise.all(all.map((shelf) => shelf.load()));
  paint();
}

/** Does something again and again, each time after the last one has ended. */
async function repeat(work: () => Promise<unknown>): Promise<never> {
  for (;;) {
    await work();
    await new Promise((resolve) => setTimeout(resolve, refreshEvery));
  }
}

paint();
setInterval(paint, paintEvery);
// What other tabs have learned comes first: while a circuit is open this one does not even try.
await Promise.all(all.map(({ circuit }) => circuit.sync()));
byId("reload").addEventListener("click", reload);
const auto = byId("auto-refresh") as HTMLInputElement;
for (const shelf of all) {
  void repeat(async () => {
    if (auto.checked || shelf.fresh === undefined) await shelf.load();
  });
}
void repeat(refreshKnobs);
