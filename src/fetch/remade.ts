/** What a Response says of itself, beside its body. */
export interface Head {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly [name: string, value: string][];
  readonly url: string;
  readonly redirected: boolean;
  readonly type: Response["type"];
}

/** What a Response says of itself: plain data, so that it may cross from one request of a Worker to another. */
export function headOf({ status, statusText, headers, url, redirected, type }: Response): Head {
  return { status, statusText, headers: [...headers], url, redirected, type };
}

/**
 * A Response with another body and all else as it was: status and headers, and `url`, `redirected` and `type`, which no
 * constructor takes. A clone of it loses those three.
 */
export function remade(body: ConstructorParameters<typeof Response>[0], head: Head): Response {
  const { status, statusText, url, redirected, type } = head;
  const response = new Response(hasNoBody(status) ? null : body, {
    status,
    statusText,
    headers: head.headers.map(([name, value]): [string, string] => [name, value]),
  });
  const told = { url, redirected, type };
  for (const [name, value] of Object.entries(told)) {
    Object.defineProperty(response, name, { value, configurable: true, enumerable: true });
  }
  return response;
}

/** Whether a Response can be made anew: an opaque one, one of an error or a redirect not followed has the status 0. */
export function isRemakeable({ status }: Response): boolean {
  return status >= 200;
}

/** A null body status of the Fetch standard. */
function hasNoBody(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}
