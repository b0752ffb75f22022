/** An origin behind a real service binding: says what reached it, and answers some paths in ways of their own. */
const answers = {
  "/gzip": () => new Response("squeezed", { headers: { "content-encoding": "gzip" } }),
  "/cookies": () =>
    new Response(null, {
      status: 204,
      headers: [
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
      ],
    }),
  "/moved": () => new Response(null, { status: 302, headers: { location: "https://elsewhere.test/" } }),
  "/missing": () => new Response("no such thing", { status: 404, statusText: "Not Here" }),
  "/private": () =>
    new Response("mine", { headers: { connection: "x-mine", "x-mine": "1", "x-yours": "2" } }),
};

// biome-ignore lint/style/noDefaultExport: the platform wants the handler as the default export
export default {
  async fetch(request) {
    const { pathname, search } = new URL(request.url);
    const answer = answers[pathname];
    if (answer !== undefined) return answer();
    return Response.json({
      method: request.method,
      target: pathname + search,
      headers: Object.fromEntries(request.headers),
      body: await request.text(),
    });
  },
};
