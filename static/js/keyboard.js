// One key, one intention. Letters do nothing while one is writing.

const writing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

/** keys: an object of functions by key; `Escape` is told whether one was writing. */
export function listen(keys) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    // What lies above the page has the keys, and Escape closes it alone.
    if (document.querySelector("dialog[open], :popover-open")) return;
    const busy = writing(event.target);
    if (event.key === "Escape") {
      keys.Escape(busy);
      return;
    }
    if (busy) return;
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
