import { getEventListeners } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { compose, retry, timeout } from "ninelives";
import { resilientFetch } from "ninelives/fetch";
import { afterAll, beforeAll, expect, it } from "vitest";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

let server: Server;
let origin: string;
const fetch = resilientFetch({ policy: compose(timeout("30s"), retry(2), timeout("10s")) });

beforeAll(async () => {
  server = createServer(({ url }, response) => {
    if (url === "/endless") response.write("first");
    else response.end("all");
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** Until what can be collected is, and the registries have heard of it. */
async function collected(done: () => boolean): Promise<void> {
  while (!done()) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    gc();
  }
}

it("an abort ends a body whose reader is all that is left of its Response", async () => {
  const controller = new AbortController();
  async function readerOf(): Promise<[ReadableStreamDefaultReader, WeakRef<Response>]> {
    const response = await fetch(`${origin}/endless`, { signal: controller.signal });
    return [(response.body as ReadableStream).getReader(), new WeakRef(response)];
  }
  const [reader, response] = await readerOf();
  await reader.read();
  await collected(() => response.deref() === undefined);
  controller.abort(new Error("enough"));
  await expect(reader.read()).rejects.toThrow("enough");
});

it("a signal that outlives its calls is rid of them when their bodies are collected", async () => {
  const { signal } = new AbortController();
  for (let call = 0; call < 20; call++) await (await fetch(origin, { signal })).text();
  await collected(() => getEventListeners(signal, "abort").length === 0);
  expect(getEventListeners(signal, "abort")).toEqual([]);
});
