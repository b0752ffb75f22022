import { quote } from "../core/duration.ts";

/** An answer over HTTP that is no success. */
export class HttpStoreError extends Error {
  override readonly name = "HttpStoreError";
  readonly status: number;
  /** The other side wants fewer calls, so the next one comes much later. */
  readonly overloaded: boolean;
  /** The other side will never take this, however often it is sent. */
  readonly refused: boolean;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
    this.overloaded = status === 429 || status === 503;
    this.refused = status >= 400 && status < 500 && ![408, 425, 429].includes(status);
  }
}

export interface JsonRequest {
  readonly url: string;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal: AbortSignal | undefined;
  /** Default the platform's. */
  readonly fetch?: typeof fetch | undefined;
}

export interface JsonAnswer {
  readonly json: unknown;
  readonly headers: Headers;
}

/**
 * An address to put paths after.
 *
 * @throws TypeError that names the option and quotes the value
 */
export function baseUrl(value: string, option: string): string {
  if (typeof value === "string" && URL.canParse(value) && /^https?:/.test(value))
    return value.replace(/\/+$/, "");
  throw new TypeError(`${option} must be an address such as "https://example.com", but is ${quote(value)}`);
}

/**
 * Sends JSON and reads the JSON that comes back.
 *
 * @throws HttpStoreError with what the other side said, when it says anything but 2xx
 */
export async function postJson({ url, body, headers, signal, ...own }: JsonRequest): Promise<JsonAnswer> {
  const send = own.fetch ?? fetch;
  const response = await send(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
    signal: signal ?? null,
  });
  const said = await response.text();
  if (!response.ok) {
    throw new HttpStoreError(
      response.status,
      `${new URL(url).host} answered ${response.status}: ${said.slice(0, 200)}`,
    );
  }
  return { json: JSON.parse(said), headers: response.headers };
}
