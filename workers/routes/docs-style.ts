/** The looks of `/docs`: the dashboard's colours, in a page that needs no script. */
export const docsStyle: string = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f5f6f8, #0d1015);
  --surface: light-dark(#ffffff, #151a21);
  --line: light-dark(#e1e5eb, #262d37);
  --ink: light-dark(#161a22, #e9edf3);
  --quiet: light-dark(#566070, #9aa5b4);
  --accent: light-dark(#3a50c9, #9db0ff);
}
*, *::before, *::after { box-sizing: border-box; }
html { background: var(--ground); }
body {
  max-width: 72rem;
  margin: 0 auto;
  padding: 20px clamp(16px, 3vw, 32px) 64px;
  color: var(--ink);
  font: 15px / 1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  overflow-wrap: anywhere;
  text-size-adjust: 100%;
}
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 20px; margin-bottom: 20px; }
h1 { margin: 0; font-size: 1.3rem; font-weight: 650; letter-spacing: -0.015em; }
h2 { margin: 0 0 10px; font-size: 1.1rem; font-weight: 640; }
h3 { margin: 0 0 4px; font-size: 1rem; font-weight: 620; }
h3 a { color: inherit; text-decoration: none; }
h3 a:hover { text-decoration: underline; }
p { margin: 0 0 8px; }
a { color: var(--accent); text-underline-offset: 0.2em; }
:focus-visible { outline: 2.5px solid var(--accent); outline-offset: 2px; border-radius: 6px; }
code, pre { font-family: ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, monospace; font-size: 0.88em; }
pre { margin: 8px 0 0; padding: 10px 12px; background: var(--ground); border: 1px solid var(--line); border-radius: 8px; white-space: pre-wrap; }
nav ul { margin: 0 0 12px; padding: 0; list-style: none; columns: 10rem; }
nav li { padding: 1px 0; break-inside: avoid; }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
main > section {
  max-width: 50rem;
  margin-bottom: 20px;
  padding: 16px 18px;
  background: var(--surface);
  border: 1px solid var(--line);
  border-radius: 12px;
}
section { scroll-margin-top: 12px; }
section section { padding: 14px 0; border-top: 1px solid var(--line); }
section section:target h3 { color: var(--accent); }
ul.fields { margin: 6px 0 0; padding-left: 20px; }
ul.fields li { margin: 2px 0; }
dl { margin: 0; }
dt { margin-top: 8px; }
dt + dt { margin-top: 0; }
dd { margin: 0; color: var(--quiet); }
.quiet { color: var(--quiet); }
table { width: 100%; margin-top: 10px; border-collapse: collapse; }
th, td { padding: 6px 12px 6px 0; border-top: 1px solid var(--line); text-align: left; vertical-align: top; }
@media (min-width: 60rem) {
  .sides { display: grid; grid-template-columns: 13rem minmax(0, 1fr); gap: 28px; }
  nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow-y: auto; padding: 4px; }
  nav ul { columns: auto; }
}
`;
