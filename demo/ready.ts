import { compose, constant, retry, timeout } from "ninelives";
import { resilientFetch } from "ninelives/fetch";

/** Settles when the Worker, and the origin behind it, answer. @throws when they do not within two minutes */
export async function ready(origin: string, signal: AbortSignal): Promise<void> {
  const patient = resilientFetch({
    policy: compose(
      timeout("2m"),
      retry({ attempts: 2000, backoff: constant("100ms"), jitter: "none", retryOn: () => true }),
      timeout("5s"),
    ),
  });
  for (const path of ["/healthz", "/gateway/knobs", "/shop/"]) {
    const response = await patient(origin + path, { signal });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`${path} answers ${response.status}`);
  }
}
