// Applies the saved theme before the first paint. The policy of the page forbids inline scripts.
try {
  const theme = localStorage.getItem('theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage is not available; the theme of the system applies.
}
