import { readFileSync } from "node:fs";
import { defineCommand, object, openApi } from "ninelives/control";
import { expect, it } from "vitest";

interface Answer {
  readonly content: Record<
    string,
    { readonly schema: { readonly properties?: { type: { enum: string[] } } } }
  >;
}

it("the page of the control plane has every problem that the OpenAPI document has, with its status", () => {
  const page = readFileSync(new URL("../docs/control-plane.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \| (\d{3}) \|/gm)].map(
    ([, type, status]) => `${status} ${type}`,
  );
  const command = defineCommand({ name: "go", input: object({}), run: async () => 1 });
  const { paths } = openApi([command], [], "1") as {
    readonly paths: Record<string, { readonly post: { readonly responses: Record<string, Answer> } }>;
  };
  const { responses = {} } = paths["/v1/commands/go"]?.post ?? {};
  const described = Object.entries(responses).flatMap(([status, { content }]) =>
    (content["application/problem+json"]?.schema.properties?.type.enum ?? []).map(
      (type) => `${status} ${type.replace("urn:ninelives:problem:", "")}`,
    ),
  );
  expect(described.length).toBeGreaterThan(10);
  expect(rows.sort()).toEqual(described.sort());
});
