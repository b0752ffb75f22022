/** Nine lives, one of them spent. */
export function Logo() {
  const places = [3, 10, 17];
  return (
    <svg class="logo" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      {places.flatMap((y) =>
        places.map((x) =>
          x === 17 && y === 17 ? (
            <circle key="9" cx={x} cy={y} r="1.9" fill="none" stroke="currentColor" stroke-width="1.2" />
          ) : (
            <circle key={`${x} ${y}`} cx={x} cy={y} r="2.5" fill="currentColor" />
          ),
        ),
      )}
    </svg>
  );
}
