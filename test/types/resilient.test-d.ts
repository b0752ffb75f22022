import { answer, type Policy, resilient, retry } from "ninelives";

const texts: Policy<void, string> = answer("text");

class Shop {
  @resilient(retry())
  async any(id: string, count?: number): Promise<{ id: string; count: number | undefined }> {
    return { id, count };
  }

  @resilient(texts)
  async text(): Promise<string> {
    return "text";
  }

  // @ts-expect-error The policy answers with texts, and this method promises numbers.
  @resilient(texts)
  async number(): Promise<number> {
    return 1;
  }

  // @ts-expect-error A policy goes around what is asynchronous.
  @resilient(retry())
  atOnce(): string {
    return "now";
  }

  // @ts-expect-error A field is no method.
  @resilient(retry())
  field = async (): Promise<string> => "text";
}

// The method keeps its arguments and what it promises.
const kept: Promise<{ id: string; count: number | undefined }> = new Shop().any("rope", 1);
// @ts-expect-error It takes a text first.
new Shop().any(1);

export const all = [kept];
