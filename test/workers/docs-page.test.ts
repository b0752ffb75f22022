import { describe, expect, it } from "vitest";
import { testWorker } from "./test-worker.ts";

async function page() {
  const { fetch } = await testWorker();
  const response = await fetch("/docs");
  return { text: await response.text(), headers: response.headers, fetch };
}

describe("/docs", () => {
  it("has a style that its own policy of content lets be, anew each time", async () => {
    const [one, other] = [await page(), await page()];
    const nonces = [one, other].map(({ text, headers }) => {
      const [, nonce = ""] = /<style nonce="([^"]+)">/.exec(text) ?? [];
      expect(headers.get("content-security-policy")).toContain(`style-src 'nonce-${nonce}'`);
      return nonce;
    });
    expect(new Set(nonces).size).toBe(2);
    expect(one.text).toContain("color-scheme: light dark");
    expect(one.text).not.toMatch(/ style="|<script|&quot;Segoe/);
  });

  it("leads to all of its parts, each of which is there once", async () => {
    const { text } = await page();
    const ids = [...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    const links = [...text.matchAll(/ href="#([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining(["routes", "answers", "commands", "policy.update"]));
    expect([...new Set(links)].sort()).toEqual([...ids].sort());
  });

  it("leads to the dashboard, and to what needs no token and no more than a click", async () => {
    const { text, fetch } = await page();
    const links = new Set([...text.matchAll(/ href="(\/[^"]*)"/g)].map(([, path]) => path));
    expect([...links].sort()).toEqual(["/", "/healthz", "/v1/openapi.json"]);
    expect((await fetch("/v1/openapi.json")).status).toBe(200);
  });

  it("says in words what may be given, and what is within it", async () => {
    const words = (await page()).text.replaceAll(/<[^>]+>/g, "");
    expect(words).toContain("expiresIn (optional): a text such as 15m, or a number of milliseconds");
    expect(words).toContain("value: a number, true or false, or a text; such as 5, 250ms or");
    expect(words).toContain("documents: a list of at most 1000, each a list of at most");
    for (const field of ["updatedBy: a text, or null", "until (optional): a whole number", "format: 1"])
      expect(words).toContain(field);
    expect(words).not.toContain("one of several");
  });

  it("has each status and problem of a command that the OpenAPI document has", async () => {
    const { text, fetch } = await page();
    const { paths } = await (await fetch("/v1/openapi.json")).json<{
      paths: { "/v1/commands": { post: { responses: Record<string, { description: string }> } } };
    }>();
    const described = Object.entries(paths["/v1/commands"].post.responses)
      .filter(([status]) => status !== "200")
      .map(([status, { description }]) => [status, description]);
    const rows = [
      ...text.matchAll(/<th scope="row">(\d+)<\/th><td><code>(.*?)<\/code><\/td><td>(.*?)<\/td>/g),
    ];
    expect(rows.map(([, status, types, when]) => [status, `${types}: ${when}`])).toEqual(described);
    expect(described.map(([status]) => status)).toEqual(
      expect.arrayContaining(["400", "405", "429", "503", "504"]),
    );
  });
});
