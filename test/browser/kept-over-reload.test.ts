import { describe, expect, it, onTestFinished, vi } from "vitest";

const storageKey = "ninelives.events";

/** The sink of a page, for what the test has to say to it. */
interface Page extends Window {
  readonly sink: { emit(event: object): void };
}

/** A page of our origin in a frame, whose batches go to `deliver`; the whole of it comes anew by a reload. */
async function page(
  deliver: (batch: { readonly events: readonly { readonly at: number }[] }) => Promise<void>,
) {
  Object.assign(globalThis, { deliver });
  localStorage.removeItem(storageKey);
  const source = new URL("../../src/telemetry/index.ts", import.meta.url).href;
  const frame = document.createElement("iframe");
  frame.srcdoc = `<!doctype html><script type="module">
    import { batch, keptIn } from ${JSON.stringify(source)};
    const deliver = (events) => parent.deliver(events);
    window.sink = batch({ deliver, source: "page", maximumAge: "50ms", shelf: keptIn(localStorage) });
  </script>`;
  onTestFinished(() => {
    frame.remove();
    localStorage.removeItem(storageKey);
  });
  const opened = async (): Promise<Page> => {
    const { contentWindow } = frame;
    await vi.waitFor(() => expect((contentWindow as Page | null)?.sink).toBeDefined(), { timeout: 15_000 });
    return contentWindow as Page;
  };
  document.body.append(frame);
  let current = await opened();
  return {
    emit: (...times: number[]) => {
      for (const at of times) current.sink.emit({ type: "hedge.won", policy: "prices", at, hedge: 1 });
    },
    /** What a browser says to a page that is left. Only a person can leave one. */
    leave() {
      const { document } = current;
      Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    },
    async reload() {
      const before = current.document;
      current.location.reload();
      await vi.waitFor(() => expect(frame.contentWindow?.document).not.toBe(before), { timeout: 15_000 });
      current = await opened();
    },
  };
}

describe("batch with a shelf, over a reload", () => {
  it("sends once, after the reload, what the page could not send before it", async () => {
    const delivered: number[][] = [];
    let online = false;
    const { emit, leave, reload } = await page(async ({ events }) => {
      if (!online) throw new TypeError("Failed to fetch");
      delivered.push(events.map(({ at }) => at));
    });
    emit(1, 2, 3);
    leave();
    // What fails is tried twice more before it is left for the next page.
    await vi.waitFor(() => expect(localStorage.getItem(storageKey)).toContain('"at":3'), { timeout: 15_000 });
    await reload();
    online = true;
    emit(4);
    await vi.waitFor(() => expect(delivered.flat()).toEqual([1, 2, 3, 4]), { timeout: 15_000 });
    expect(localStorage.getItem(storageKey)).toBeNull();
    await reload();
    emit(5);
    await vi.waitFor(() => expect(delivered.flat()).toContain(5), { timeout: 15_000 });
    expect(delivered.flat()).toEqual([1, 2, 3, 4, 5]);
  });
});
