import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { wires } from "../workers/hostile-cases.ts";
import { BareWorkerd } from "./bare-workerd.ts";
import { freePort } from "./running-demo.ts";

/** What reached the upstream: a request that was smuggled is one more. */
const seen: { method: string; url: string; headers: IncomingMessage["headers"]; body: string }[] = [];
const origin = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  const { method = "", url = "", headers } = request;
  seen.push({ method, url, headers, body });
  response.end("fine");
});
let edge: BareWorkerd;
let port: number;

beforeAll(async () => {
  origin.listen(0, "127.0.0.1");
  await once(origin, "listening");
  port = await freePort();
  edge = await BareWorkerd.start({
    entry: "workers/index.ts",
    port,
    external: (origin.address() as AddressInfo).port,
    vars: {
      UPSTREAMS: JSON.stringify({ prices: { service: "ORIGIN", path: "/v2" } }),
      PUBLIC_READS: "false",
    },
  });
}, 60_000);

afterAll(async () => {
  await edge?.remove();
  origin.closeAllConnections();
  origin.close();
});

/** Sends these bytes as they are, and gives the statuses that come back until the connection ends, or is silent. */
async function raw(bytes: string): Promise<number[]> {
  const socket = connect(port, "127.0.0.1");
  let said = "";
  socket.setEncoding("latin1").on("data", (text) => {
    said += text;
  });
  socket.on("error", () => {});
  socket.write(bytes, "latin1");
  // What ends a keep-alive connection once all before it is answered.
  const ended = once(socket, "close");
  socket.end();
  socket.setTimeout(5_000, () => socket.destroy());
  await ended;
  return [...said.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status));
}

describe("the gateway in plain workerd", () => {
  it.each(wires)("by the wire: %s", async (_, bytes, status, requests) => {
    seen.length = 0;
    const [answered] = await raw(bytes);
    expect([answered, seen.map(({ url }) => url)]).toEqual([status, Array(requests).fill("/v2/a")]);
    for (const { headers, body } of seen) {
      expect([body, headers.host, headers.upgrade]).toEqual(["", "prices.upstream", undefined]);
    }
    // It goes on with others as if nothing had been.
    const [next] = await raw(`GET /gateway/prices/a HTTP/1.1\r\nHost: edge.test\r\n\r\n`);
    expect(next).toBe(200);
  });
});
