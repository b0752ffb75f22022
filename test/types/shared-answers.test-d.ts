import { cache, coalesce, compose, hedge, retry } from "ninelives";

const byUrl = coalesce((url: string) => url);
const kept = cache({ key: (url: string) => url, ttl: (response: Response) => response.status });

const texts = async (url: string): Promise<string> => url;
const pages = async (url: string): Promise<Response> => fetch(url);
const numbers = async (id: number): Promise<Response> => fetch(`https://cats.example/${id}`);

// What the service answers with comes through, whatever the policy says of it.
export const text: Promise<string> = byUrl.wrap(texts)("/");
export const page: Promise<Response> = compose(kept, byUrl, hedge(), retry()).wrap(pages)("/");

// @ts-expect-error The key is of a text, and the service takes numbers.
byUrl.wrap(numbers);
// @ts-expect-error The ttl is of a Response, and the service gives texts.
compose(byUrl, kept).wrap(texts);
// @ts-expect-error The key is of a text, and an operation has no request.
byUrl.execute(async () => "text");
// @ts-expect-error An answer must be copied to the same type.
coalesce({ key: (url: string) => url, share: (page: Response) => page.status });
