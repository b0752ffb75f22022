import type { Adaptive, Service } from "ninelives";
import type { FetchCall } from "ninelives/fetch";
import type { Upstream, UpstreamOrigin } from "ninelives/upstreams";
import type { Env } from "./env.ts";
import type { Sent } from "./forwarding.ts";
import { followed } from "./redirects.ts";

/** A request on its way, with the attempts that were made so far: what was done is known of each answer, refusals too. */
export interface Sending extends FetchCall {
  readonly sent: Sent[];
}

/** What sends a request to its place. */
export type Sender = Service<Sending, Response>;

/** What can be reached by a URL. */
const internet: Pick<Fetcher, "fetch"> = {
  fetch: (input, init) => fetch(input as Request, init as RequestInit),
};

/**
 * Sends to one place by a service binding or by its URL, and writes down each attempt.
 *
 * @param member what the place is called among its like
 * @throws TypeError where there is no such binding
 */
export function senderTo(
  { name, service, ...place }: UpstreamOrigin & { readonly name: string },
  redirects: Adaptive<Upstream["redirects"]>,
  member: string | undefined,
  env: Env,
): Sender {
  const binding = service === undefined ? internet : bindingOf(env, name, service);
  return async function send({ input, init, sent }, context) {
    const { clock } = context.environment;
    const began = clock.now();
    const attempt: Sent = { member };
    sent.push(attempt);
    const { signal } = context;
    const ask = (url: string) => binding.fetch(url, { ...init, signal, redirect: "manual" });
    try {
      // As a text: the platform takes twice as long to read a URL object.
      let response = await ask((input as URL).href);
      // Of another method the body is gone, or it would have to become a GET.
      if (redirects.value === "follow" && (init?.method === "GET" || init?.method === "HEAD"))
        response = await followed(response, input as URL, place, ask);
      attempt.response = response;
      return response;
    } finally {
      attempt.took = clock.now() - began;
    }
  };
}

function bindingOf(env: Env, name: string, service: string): Fetcher {
  const binding = (env as unknown as Record<string, Fetcher | undefined>)[service];
  if (typeof binding?.fetch === "function") return binding;
  throw new TypeError(`UPSTREAMS.${name}.service: there is no service binding ${service}`);
}
