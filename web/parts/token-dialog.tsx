import { useEffect, useId, useRef } from "hono/jsx/dom";
import { useBoard } from "../board.ts";
import { tokenForm } from "../token.ts";

/** Asks for a token. It stays in this tab. */
export function TokenDialog({ why }: { why: string }) {
  const { dashboard } = useBoard();
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);

  const submit = (event: Event): void => {
    event.preventDefault();
    const field = input.current as HTMLInputElement;
    const given = field.value.trim();
    const wrong = tokenForm.test(given) ? "" : "A token has neither spaces nor accents.";
    field.setCustomValidity(wrong);
    if (field.reportValidity()) dashboard.answerToken(given);
  };
  return (
    <dialog ref={dialog} aria-labelledby={`${id}title`} onClose={() => dashboard.answerToken(null)}>
      <form onSubmit={submit} novalidate>
        <h2 id={`${id}title`}>A token, please</h2>
        <p>{why}</p>
        <label for={`${id}token`}>Token</label>
        <input
          id={`${id}token`}
          ref={input}
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          onInput={() => input.current?.setCustomValidity("")}
        />
        <p class="hint">It stays in this tab and goes when you close it.</p>
        <div class="buttons">
          <button type="button" onClick={() => dashboard.answerToken(null)}>
            Not now
          </button>
          <button type="submit" class="primary">
            Use this token
          </button>
        </div>
      </form>
    </dialog>
  );
}
