import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A Redis, as the shim reaches it. */
interface Commands {
  sendCommand(command: string[]): Promise<unknown>;
}

/**
 * Speaks Upstash's REST protocol in front of a real Redis: a POST of a command as a JSON array with a bearer token is
 * answered by `{ result }`, or by `{ error }` with status 400, or 401 without the token.
 *
 * https://upstash.com/docs/redis/features/restapi
 */
export class UpstashRest {
  readonly token = "the-rest-token";
  /** The commands that came, by their first word. */
  readonly seen: string[] = [];
  readonly #server: Server;

  private constructor(redis: Commands) {
    this.#server = createServer(async (request, response) => {
      const answer = (status: number, body: object) =>
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      if (request.headers.authorization !== `Bearer ${this.token}`)
        return answer(401, { error: "WRONGPASS invalid or missing auth token" });
      try {
        const command = JSON.parse(Buffer.concat(chunks).toString()) as string[];
        this.seen.push(command[0] ?? "");
        return answer(200, { result: await redis.sendCommand(command) });
      } catch (error) {
        return answer(400, { error: (error as Error).message });
      }
    });
  }

  static async listen(redis: Commands): Promise<UpstashRest> {
    const rest = new UpstashRest(redis);
    rest.#server.listen(0, "localhost");
    await once(rest.#server, "listening");
    return rest;
  }

  get url(): string {
    return `http://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
