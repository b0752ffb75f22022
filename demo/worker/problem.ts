const titles: Readonly<Record<number, string>> = {
  400: "Bad request",
  404: "Not found",
  405: "Method not allowed",
  409: "Conflict",
  413: "Too large",
  500: "Internal error",
  503: "Out of order",
};

/** A problem document (RFC 9457). */
export function problem(status: number, detail: string): Response {
  const body = { type: "about:blank", title: titles[status] ?? "Problem", status, detail };
  return Response.json(body, { status, headers: { "content-type": "application/problem+json" } });
}
