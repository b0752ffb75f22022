import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Addresses, Scene, Seen, Step } from "./scene.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A scene on its way. */
interface Stage {
  readonly scene: Scene;
  readonly seen: Writable<Seen>[];
  readonly released: Promise<void>;
  release(): void;
}

/** A server over HTTP/1.1 that does to its clients whatever their tests ask for. */
export class FetchServer {
  readonly addresses: Addresses;
  readonly #servers: readonly Server[];

  private constructor(servers: readonly Server[], addresses: Addresses) {
    this.#servers = servers;
    this.addresses = addresses;
  }

  static async start(): Promise<FetchServer> {
    const stages = new Map<string, Stage>();
    const servers = [player(stages), player(stages), director(stages), createServer()];
    const listening = await Promise.all(servers.map(listen));
    const [origin = "", other = "", control = "", refused = ""] = listening;
    const [unused] = servers.splice(3);
    unused?.close();
    return new FetchServer(servers, { origin, other, control, refused });
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    }
  }
}

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Sets scenes, tells what was seen of them, and releases what they hold. */
function director(stages: Map<string, Stage>): Server {
  return createServer(async (request, response) => {
    allow(request, response);
    const [, verb, name = ""] = (request.url ?? "").split("/");
    if (verb === "set") {
      const chunks: Buffer[] = await request.toArray();
      const { promise, resolve } = Promise.withResolvers<void>();
      const scene: Scene = JSON.parse(Buffer.concat(chunks).toString() || "null") ?? { steps: [] };
      stages.set(name, { scene, seen: [], released: promise, release: resolve });
    }
    if (verb === "release") stages.get(name)?.release();
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(stages.get(name)?.seen ?? null));
  });
}

/** Plays scenes. */
function player(stages: Map<string, Stage>): Server {
  const connections = new WeakMap<Socket, number>();
  let connected = 0;
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 60_000 }, (request, response) => {
    allow(request, response);
    const [, name = "", ...path] = (request.url ?? "").split("/");
    const stage = stages.get(name);
    if (request.method === "OPTIONS" && request.headers["access-control-request-method"] !== undefined) {
      response.writeHead(204, { connection: "close" }).end();
    } else if (stage === undefined) {
      response.writeHead(404, { connection: "close" }).end(`no scene ${name}`);
    } else {
      const seen = note(request, `/${path.join("/")}`, connections.get(request.socket) ?? 0);
      const step = stage.scene.steps[stage.seen.length] ?? stage.scene.rest ?? {};
      stage.seen.push(seen);
      response.on("close", () => {
        if (seen.end === "open") seen.end = response.writableFinished ? "answered" : "gone";
      });
      void play(step, stage, seen, request, response);
    }
  });
  return server.on("connection", (socket: Socket) => {
    connections.set(socket, ++connected);
    // What the client does to the connection is for its test to judge.
    socket.on("error", () => {});
  });
}

/** Lets pages of every origin send anything. */
function allow(request: IncomingMessage, response: ServerResponse): void {
  const { origin, "access-control-request-headers": headers } = request.headers;
  response.setHeader("access-control-allow-origin", origin ?? "*");
  response.setHeader("access-control-allow-credentials", "true");
  response.setHeader("access-control-allow-methods", "*, GET, HEAD, POST, PUT, PATCH, DELETE");
  response.setHeader("access-control-max-age", "600");
  if (headers !== undefined) response.setHeader("access-control-allow-headers", headers);
}

function note(request: IncomingMessage, path: string, connection: number): Writable<Seen> {
  const hash = createHash("sha256");
  const seen: Writable<Seen> = {
    method: request.method ?? "",
    path,
    headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, `${value}`])),
    bytes: 0,
    get sha256() {
      return hash.copy().digest("hex");
    },
    whole: false,
    connection,
    end: "open",
  };
  request.on("data", (chunk: Buffer) => {
    seen.bytes += chunk.length;
    hash.update(chunk);
  });
  request.on("end", () => {
    seen.whole = true;
  });
  request.on("error", () => {});
  return seen;
}

async function play(
  step: Step,
  { seen: all, released }: Stage,
  seen: Writable<Seen>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { socket } = request;
  const end = () => {
    seen.end = "cut";
    if (step.by === "end") socket.end();
    else socket.resetAndDestroy();
  };
  const number = all.length;
  if (step.early || step.hold === "upload") request.pause();
  if (step.hold === "upload") {
    await released;
    request.resume();
  }
  if (!step.early && !request.readableEnded)
    await Promise.race([once(request, "end"), once(response, "close")]);
  if (step.hold === "headers") await released;
  if (seen.end !== "open") return;
  if (step.cut === "before-headers") return end();
  if (step.cut === "in-headers") {
    socket.write("HTTP/1.1 200 OK\r\nContent-Le", end);
    return;
  }
  const { status = 200 } = step;
  const body = step.bytes === undefined ? Buffer.from(step.body ?? `${number}`) : filled(step.bytes);
  const bare = request.method === "HEAD" || status === 204 || status === 304;
  if (!step.hidden) response.setHeader("access-control-expose-headers", "*, date");
  if (!step.keepAlive) response.setHeader("connection", "close");
  response.writeHead(status, {
    ...(!bare && { "content-type": "text/plain", "content-length": body.length }),
    ...step.headers,
  });
  if (bare) {
    response.end();
    return;
  }
  const half = body.length >> 1;
  if (step.hold === "body") {
    response.write(body.subarray(0, half));
    await released;
    response.end(body.subarray(half));
  } else if (step.cut === "in-body") {
    // In two turns: a reset takes what the client has not read yet with it.
    response.write(body.subarray(0, half), () => setTimeout(end, 20));
  } else response.end(body);
}

/** So many bytes, no two neighbours of which are alike. */
function filled(bytes: number): Buffer {
  return Buffer.alloc(
    bytes,
    Uint8Array.from({ length: 251 }, (_, index) => index),
  );
}
