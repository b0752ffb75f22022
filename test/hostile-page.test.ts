import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { claims } from "../workers/dropped-headers.ts";
import {
  answeredHeaders,
  cases,
  crossSite,
  followedRedirects,
  gatewayPaths,
  lyingHeaders,
  redirects,
  strangeHosts,
  strangeMembers,
  wires,
} from "./workers/hostile-cases.ts";

const path = fileURLToPath(new URL("../docs/hostile.md", import.meta.url));

const code = (text: string) => `\`${text.replaceAll("|", "\\|")}\``;
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |\n`).join("");

/** What the page must have, of the cases that are tried against the Worker. */
const tables = {
  commands: table(
    ["what is tried", "command", "answer", "type"],
    cases.map(([what, , command, , status, type]) => [what, code(command), `${status}`, code(type)]),
  ),
  sites: table(
    ["what a page of another site sends", "to", "answer"],
    crossSite.map(([what, method, where, , status]) => [what, code(`${method} ${where}`), `${status}`]),
  ),
  paths: table(
    ["`/gateway/prices` and then", "answer"],
    gatewayPaths.map(([given, target]) => [
      code(given),
      typeof target === "number"
        ? `${target}`
        : `200, asked for ${code(target.replace("http://prices.upstream", ""))}`,
    ]),
  ),
  hosts: table(
    ["what is asked for, or where the upstream redirects to", "answer"],
    [
      ...strangeHosts.map((given) => [code(given), "404, nobody is asked"]),
      ...redirects.map((given) => [code(given), "302 to the caller, nobody else is asked"]),
      ...followedRedirects.map((given) => [
        `${code(given)}, where redirects are followed`,
        "302 to the caller, nobody else is asked",
      ]),
      ...strangeMembers.map((given) => [`${code(given)}, registered as a member`, "502, nobody is asked"]),
    ],
  ),
  headers: table(
    ["header", "says", "reaches the upstream as"],
    lyingHeaders.map(([name, value, reached]) => [
      code(name),
      code(value),
      reached === undefined ? "nothing" : code(reached),
    ]),
  ),
  answers: table(
    ["header of an upstream's answer", "says", "reaches the caller as"],
    answeredHeaders.map(([name, value, reached]) => [
      code(name),
      code(value),
      reached === undefined ? "nothing" : code(reached),
    ]),
  ),
  wires: table(
    ["what comes by the wire", "answer", "requests that the upstream sees"],
    wires.map(([what, , status, seen]) => [what, `${status}`, `${seen}`]),
  ),
};

// `WRITE=1 vitest run --project node test/hostile-page.test.ts` writes them anew.
it.each(Object.entries(tables))(
  "the page of what harm comes to has all %s, and their answers",
  (name, text) => {
    const page = readFileSync(path, "utf8");
    const found = new RegExp(`(<!-- ${name} -->\n\n)(.*?)(\n<!-- end -->)`, "s");
    if (process.env.WRITE)
      writeFileSync(
        path,
        page.replace(found, (_, before, __, after) => before + text + after),
      );
    else expect(found.exec(page)?.[2]).toBe(text);
  },
);

/** What a pattern of names is for. */
const fits = (pattern: string, name: string) =>
  pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;

it("every header that is a claim is tried", () => {
  const tried = lyingHeaders.map(([name]) => name);
  expect(claims.filter((pattern) => !tried.some((name) => fits(pattern, name)))).toEqual([]);
});

it("the guide to the gateway names exactly the headers that are claims", () => {
  const guide = readFileSync(new URL("../docs/guides/gateway.md", import.meta.url), "utf8");
  const [, named = ""] = /<!-- claims -->\n(.*?)<!-- end -->/s.exec(guide) ?? [];
  const names = [...named.matchAll(/`([\w*-]+)`/g)].map(([, name = ""]) => name.toLowerCase());
  expect(names.sort()).toEqual([...claims].sort());
});
