/** What the page's script offers to the tests. */
export interface Offered {
  report(more: object): Promise<{ state: string; epoch: number; permit?: object }>;
  reportMany(many: readonly object[]): Promise<{ state: string; epoch: number; permit?: object }[]>;
  record(name?: string): Promise<{ state: string; epoch: number; counts: { ok: number } } | undefined>;
  heard: { state: string; epoch: number }[];
  /** A call that may be made once only, by a fetch as it comes: its status, or why it was refused. */
  order(): Promise<number | string>;
  leader: { start(): void; readonly state: string; readonly token?: number };
}

/** The script of a tab: what the tests call there. */
export const script = `
  import { lease } from "ninelives";
  import { resilientFetch } from "ninelives/browser";
  import { indexedDbStore } from "ninelives/stores/indexeddb";
  import { createStore, get } from "idb-keyval";
  const rules = { openFor: 30_000, maximumOpenFor: 300_000, probes: 1, successesToClose: 1 };
  const usual = { seq: 1, epoch: 0, ok: 0, fail: 0, slow: 0, open: false, wantsProbe: false, rules };
  const store = indexedDbStore();
  const heard = [];
  const report = (more) => store.sync("prices", { ...usual, ...more }, (view) => heard.push(view));
  const bare = resilientFetch();
  const order = () => bare("/down", { method: "POST" }).then(({ status }) => status, ({ kind }) => kind);
  Object.assign(globalThis, {
    order,
    leader: lease(store, "uploads", { ttl: "2s" }),
    heard,
    report,
    reportMany: (many) => Promise.all(many.map(report)),
    record: (name = "prices") => get(name, createStore("ninelives", "circuits")),
  });
`;
