// Before the first paint, so that nothing flashes; what it reads is written by parts/theme-toggle.tsx.
const theme = localStorage.getItem("ninelives.theme");
if (theme) document.documentElement.dataset.theme = theme;
