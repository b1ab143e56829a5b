// Runs before the first paint, so that a chosen theme does not flash. See src/ui/theme.ts.
try {
  const theme = localStorage.getItem("myna.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is forbidden: the system's theme it is.
}
