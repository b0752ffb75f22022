import { type AnyPolicy, describe as describePolicy, format, parse } from "ninelives";
import { type FetchCall, httpPolicies } from "ninelives/fetch";
import { describe, expect, it } from "vitest";
import { fetchStage } from "./fetch-stage.ts";

const url = "https://api.test/prices";

describe("httpPolicies", () => {
  it("are known to a text by their names, with their options, and printed again", () => {
    const text =
      'staleIfError(within: 1h) + coalesceGets(maximumBytes: 100) + standard + idleTimeout(10s) + deadlineHeader(dialect: "grpc", origins: api) + traceContext(origins: api)';
    const policy = parse<FetchCall, Response>(text, { ...httpPolicies, api: ["https://api.test"] });
    expect(format(policy as AnyPolicy)).toBe(text);
    expect(describePolicy(parse(text, { ...httpPolicies, api: [] }))).toEqual(describePolicy(policy));
  });

  it("work as those that code makes", async () => {
    const text =
      'timeout(2s) + deadlineHeader(origins: "https://api.test") + traceContext(origins: "https://api.test")';
    const { received, fetch, script } = fetchStage(parse<FetchCall, Response>(text, httpPolicies));
    script(200);
    await fetch(url);
    expect(received[0]?.headers.get("x-request-timeout-ms")).toBe("2000");
    expect(received[0]?.headers.has("traceparent")).toBe(true);
  });

  it.each(Object.keys(httpPolicies).filter((name) => name !== "idleTimeout"))("stand bare: %s", (name) => {
    expect(format(parse(name, httpPolicies))).toBe(name);
  });

  it("say what is wrong with an option, and where", () => {
    expect(() => parse("standard + traceContext(sampleRate: 2)", httpPolicies)).toThrow(
      "sampleRate must be a number from 0 to 1",
    );
    expect(() => parse("traceContexts", httpPolicies)).toThrow("staleIfError");
  });
});
