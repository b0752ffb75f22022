const place = "ninelives.token";

/** What a token may be made of, to fit both an `Authorization` header and a WebSocket's list of protocols (RFC 6750, RFC 6455). */
export const tokenForm = /^[\w.~+-]+$/;

/** The token of this tab. It is gone when the tab is closed. */
export const token = {
  read: (): string | null => sessionStorage.getItem(place),
  write: (value: string): void => sessionStorage.setItem(place, value),
  forget: (): void => sessionStorage.removeItem(place),
};

/** Takes a token from `#token=…` and strikes it from the address, where it would be seen and shared. */
export function takeTokenFromAddress(): void {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given === null) return;
  token.write(given);
  history.replaceState(null, "", location.pathname + location.search);
}
