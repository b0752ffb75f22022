import { createHash } from "node:crypto";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { circuitBreaker } from "ninelives";
import { type FollowerStore, followerStore } from "ninelives/stores/follower";
import { type Browser, type Page, chromium as playwright } from "playwright";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { chromium, chromiumArguments } from "../chromium.ts";
import { BareWorkerd } from "./bare-workerd.ts";
import { followsDocuments } from "./document-followers.ts";
import { freePort } from "./running-demo.ts";

const token = "f0110e7";
const owner = "0w4e5";
const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");

let edge: BareWorkerd;
const stores: FollowerStore[] = [];

beforeAll(async () => {
  edge = await BareWorkerd.start({
    entry: "workers/index.ts",
    port: await freePort(),
    vars: {
      UPSTREAMS: JSON.stringify({
        prices: { service: "ORIGIN", policy: "retry(1)" },
        quotes: { service: "ORIGIN", policy: "retry(1)" },
      }),
      INGEST_KEYS: '{ "k1": ["*"] }',
      PUBLIC_READS: "false",
      TOKENS: JSON.stringify([
        { name: "shop", sha256: hashOf(token), scopes: ["share.shop/*"] },
        { name: "owner", sha256: hashOf(owner), scopes: ["*"] },
      ]),
    },
  });
}, 60_000);

afterEach(() => {
  for (const store of stores.splice(0)) store.close();
});

afterAll(() => edge?.remove());

/** A process of the fleet: a store and a circuit of its own. */
function member(name: string, webSocket?: typeof WebSocket) {
  const shared = followerStore({ url: edge.origin, token, ...(webSocket && { webSocket }) });
  stores.push(shared);
  const circuit = circuitBreaker({ name, consecutiveFailures: 2, openFor: "30s", shared });
  const fail = () => circuit.execute(() => Promise.reject(new Error("down"))).catch(() => {});
  return { circuit, fail };
}

/** Counts sockets as they are opened, and lets a test cut them. */
function counted() {
  const opened: WebSocket[] = [];
  const Counted = class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      this.addEventListener("open", () => opened.push(this));
    }
  };
  return { opened, webSocket: Counted as typeof WebSocket };
}

let made = 0;
const name = () => `shop/prices ${++made}`;
const eventually = <T>(fact: () => T | Promise<T>) => expect.poll(fact, { timeout: 30_000, interval: 50 });

describe("followers of a real workerd", () => {
  it("a Node process hears at once, and unasked, that others opened the circuit", async () => {
    const shared = name();
    const sockets = counted();
    const [one, two, idle] = [member(shared), member(shared), member(shared, sockets.webSocket)];
    for (const { circuit } of [one, two, idle]) await circuit.sync();
    await eventually(() => sockets.opened.length).toBe(1);
    for (const each of [one, two]) {
      await each.fail();
      await each.fail();
      await each.circuit.sync();
    }
    // It made no call and no report since.
    await eventually(() => idle.circuit.state).toBe("open");
    await expect(idle.circuit.execute(async () => "never")).rejects.toMatchObject({ kind: "circuit-open" });
  });

  it("a socket that was cut is built again by the next report, and brings what was missed", async () => {
    const shared = name();
    const sockets = counted();
    const [one, two, away] = [member(shared), member(shared), member(shared, sockets.webSocket)];
    for (const { circuit } of [one, two, away]) await circuit.sync();
    await eventually(() => sockets.opened.length).toBe(1);
    // Whether the other side has said goodbye too by now, or never will, is all the same.
    sockets.opened[0]?.close();
    for (const each of [one, two]) {
      await each.fail();
      await each.fail();
      await each.circuit.sync();
    }
    expect(away.circuit.state).toBe("closed");
    await away.circuit.sync();
    expect(away.circuit.state).toBe("open");
    const again = async () => {
      await away.circuit.sync();
      return sockets.opened.length;
    };
    await eventually(again).toBe(2);
  });

  it("survives that workerd is killed: it goes on alone, and follows again what the objects stored", async () => {
    const shared = name();
    const sockets = counted();
    const [one, two] = [member(shared, sockets.webSocket), member(shared)];
    for (const { circuit } of [one, two]) await circuit.sync();
    for (const each of [one, two]) {
      await each.fail();
      await each.fail();
      await each.circuit.sync();
    }
    expect(one.circuit.state).toBe("open");
    await edge.kill();
    const third = member(shared);
    await third.circuit.sync(); // settles, though nobody answers
    await expect(third.circuit.execute(async () => "alone")).resolves.toBe("alone");
    await edge.resume();
    const late = member(shared);
    await late.circuit.sync();
    expect(late.circuit.state).toBe("open");
    await expect(late.circuit.execute(async () => "never")).rejects.toMatchObject({ kind: "circuit-open" });
  });

  it("a token of another tenant gets neither answer nor socket", async () => {
    const refused = followerStore({ url: edge.origin, token });
    stores.push(refused);
    const circuit = circuitBreaker({ name: "bank/prices", shared: refused });
    const failures: unknown[] = [];
    await circuit.sync();
    await circuit.execute(async () => "works alone").then((answer) => failures.push(answer));
    expect(failures).toEqual(["works alone"]);
    const answer = await fetch(`${edge.origin}/v1/shared/bank%2Fprices`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: "{}",
    });
    expect(answer.status).toBe(403);
  });

  it("goes by HTTP where no WebSocket gets through", async () => {
    const shared = name();
    const blocked = member(
      shared,
      class {
        constructor() {
          throw new Error("blocked");
        }
      } as unknown as typeof WebSocket,
    );
    await blocked.circuit.sync();
    await blocked.fail();
    await blocked.fail();
    await blocked.circuit.sync();
    expect(blocked.circuit.state).toBe("open");
    const other = member(shared);
    await other.circuit.sync();
    expect(other.circuit.state).toBe("open");
  });

  it("notices a home that takes connections and says nothing: the call does not wait", async () => {
    const port = await freePort();
    const mute = createServer(() => {}).listen(port, "127.0.0.1");
    const shared = followerStore({ url: `http://127.0.0.1:${port}`, token });
    stores.push(shared);
    const circuit = circuitBreaker({ name: "shop/mute", shared });
    await expect(circuit.execute(async () => "at once")).resolves.toBe("at once");
    mute.close();
  });
});

describe("a page that follows a real workerd", () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await playwright.launch({ executablePath: chromium(), args: [...chromiumArguments] });
  });

  afterAll(() => browser?.close());

  /** A page with exports of the package as its own. The same workerd by another name is another origin to it (CORS). */
  async function pageWith(contents: string): Promise<Page> {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
      bundle: true,
      format: "iife",
      globalName: "ninelives",
      write: false,
      tsconfig: fileURLToPath(new URL("../../tsconfig.json", import.meta.url)),
    });
    const page = await browser.newPage();
    await page.goto(`${edge.origin}/healthz`);
    await page.addScriptTag({ content: outputFiles[0]?.text ?? "" });
    return page;
  }

  it("of another origin reports, is told unasked, and hangs up when it is left", async () => {
    const page = await pageWith(
      `export { circuitBreaker } from "ninelives"; export { followerStore } from "ninelives/stores/follower";`,
    );
    const shared = name();
    const frames: string[] = [];
    page.on("websocket", (socket) => {
      frames.push("opened");
      socket.on("close", () => frames.push("closed"));
    });
    const url = edge.origin.replace("127.0.0.1", "localhost");
    await page.evaluate(
      async ({ url, token, name }) => {
        const { circuitBreaker, followerStore } = (
          globalThis as unknown as {
            ninelives: typeof import("../../src/index.ts") & typeof import("../../src/stores/follower.ts");
          }
        ).ninelives;
        const circuit = circuitBreaker({ name, shared: followerStore({ url, token }) });
        Object.assign(globalThis, { circuit });
        await circuit.sync();
      },
      { url, token, name: shared },
    );
    const stateInPage = () =>
      page.evaluate(() => (globalThis as unknown as { circuit: { state: string } }).circuit.state);
    await eventually(() => frames).toEqual(["opened"]);
    expect(await stateInPage()).toBe("closed");
    const [one, two] = [member(shared), member(shared)];
    for (const { circuit } of [one, two]) await circuit.sync();
    for (const each of [one, two]) {
      await each.fail();
      await each.fail();
      await each.circuit.sync();
    }
    await eventually(stateInPage).toBe("open");
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))");
    await eventually(() => frames).toEqual(["opened", "closed"]);
    // It came back: the next report connects again.
    await page.evaluate(() =>
      (globalThis as unknown as { circuit: { sync(): Promise<void> } }).circuit.sync(),
    );
    await eventually(() => frames).toEqual(["opened", "closed", "opened"]);
  });

  followsDocuments({ origin: () => edge.origin, owner, pageWith });
});
