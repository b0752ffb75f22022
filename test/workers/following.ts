import {
  type FollowMessage,
  followPath,
  followProtocol,
  type Report,
  type View,
} from "ninelives/stores/durable-object";
import { expect, onTestFinished, vi } from "vitest";
import { sha256 } from "../../src/control/tokens.ts";
import { testWorker } from "./test-worker.ts";

export const token = "tenant-token";

/** A Worker that knows one more token, of a tenant. */
export async function sharedWorker() {
  const record = { name: "shop", sha256: await sha256(token), scopes: ["share.shop/*"] };
  return testWorker({ env: { TOKENS: JSON.stringify([record]) } });
}

export type SharedWorker = Awaited<ReturnType<typeof sharedWorker>>;

export const post = ({ fetch }: SharedWorker, name: string, body: unknown, own = token) =>
  fetch(followPath(name), {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { authorization: `Bearer ${own}` },
  });

export const upgrade = ({ fetch }: SharedWorker, name: string, own = token) =>
  fetch(followPath(name), {
    headers: { upgrade: "websocket", "sec-websocket-protocol": `${followProtocol}, token.${own}` },
  });

/** A follower's end of a socket, with what it heard. */
export async function follow(worker: SharedWorker, name: string) {
  const answer = await upgrade(worker, name);
  expect(answer.status).toBe(101);
  expect(answer.headers.get("sec-websocket-protocol")).toBe(followProtocol);
  const socket = answer.webSocket as WebSocket;
  const heard: FollowMessage[] = [];
  const texts: unknown[] = [];
  const closed: number[] = [];
  socket.addEventListener("message", ({ data }) => {
    texts.push(data);
    if (data !== "pong") heard.push(JSON.parse(String(data)));
  });
  socket.addEventListener("close", ({ code }) => {
    closed.push(code);
  });
  socket.accept();
  onTestFinished(() => socket.close());
  let id = 0;
  async function ask(each: Report): Promise<View> {
    const mine = ++id;
    socket.send(JSON.stringify({ id: mine, report: each }));
    const answered = await vi.waitFor(() => {
      const found = heard.find((message) => message.id === mine);
      if (found === undefined) throw new Error("no answer yet");
      return found;
    });
    return (answered as { view: View }).view;
  }
  return { socket, heard, texts, closed, ask };
}

export const vote = { seq: 2, open: true, fail: 9 };
