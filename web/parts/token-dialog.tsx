import { useEffect, useId, useRef } from "hono/jsx/dom";
import { useBoard } from "../board.ts";
import { tokenForm } from "../token.ts";

/** Asks for a token. It stays in this tab. */
export function TokenDialog({ wanted }: { wanted: { readonly why: string; readonly refused: boolean } }) {
  const { dashboard } = useBoard();
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const given = useRef<string | null>(null);
  const id = useId();
  // Asked again before it was taken away (a token was wrong, say), the same dialog opens anew.
  useEffect(() => {
    given.current = null;
    if (dialog.current?.open === false) dialog.current.showModal();
  }, [wanted]);
  // However it closes, by a button or by Escape, the browser puts the focus back to where it was.
  const close = (): void => dialog.current?.close();

  const submit = (event: Event): void => {
    event.preventDefault();
    const field = input.current as HTMLInputElement;
    const entered = field.value.trim();
    field.setCustomValidity(
      tokenForm.test(entered) ? "" : "A token is made of letters, digits and . _ ~ + - alone.",
    );
    if (!field.reportValidity()) return;
    given.current = entered;
    close();
  };
  return (
    <dialog
      ref={dialog}
      aria-labelledby={`${id}title`}
      aria-describedby={`${id}why`}
      onClose={() => dashboard.answerToken(given.current)}
    >
      <form onSubmit={submit} novalidate>
        <h2 id={`${id}title`}>A token, please</h2>
        <p id={`${id}why`} {...(wanted.refused && { class: "trouble", role: "alert" })}>
          {wanted.why}
        </p>
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
          <button type="button" onClick={close}>
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
