import type { CDPSession } from "playwright";

/** Milliseconds after which a page is taken never to show it. */
const never = 10_000;

/**
 * When the dashboard has painted a policy's card in a state, in milliseconds since 1970.
 *
 * It is taken for painted at the frame after the one that was drawn with it.
 */
export async function whenPainted(page: CDPSession, policy: string, state: string): Promise<number> {
  const expression = `new Promise((resolve, reject) => {
    const cards = document.getElementsByClassName("card");
    const shown = () => [...cards].some((card) =>
      card.dataset.state === ${JSON.stringify(state)} && card.textContent.includes(${JSON.stringify(policy)}));
    const painted = () => requestAnimationFrame(() => requestAnimationFrame(() => resolve(Date.now())));
    const observer = new MutationObserver(() => {
      if (!shown()) return;
      observer.disconnect();
      painted();
    });
    observer.observe(document.body, { childList: true, subtree: true, attributes: true });
    setTimeout(() => reject(new Error(${JSON.stringify(`the dashboard never showed ${policy} ${state}`)})), ${never});
  })`;
  const { result, exceptionDetails } = await page.send("Runtime.evaluate", {
    expression,
    awaitPromise: true,
  });
  if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description ?? "it threw");
  return result.value as number;
}
