// Sets the chosen theme before the first paint. A classic script on purpose: modules run too late.
(() => {
  try {
    const theme = localStorage.getItem("assent.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; the system's theme is then the theme.
  }
})();
