"""Whether everybody can use a page: the checker, and the look at a page in both schemes."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

SIZES = {1440: 900, 1024: 768, 390: 844}
_AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
_ACCESS = (Path(__file__).parent / "access.js").read_text()
# All that the checker says of colours; the rest is the same in the light and in the dark.
_COLOURS = ["color-contrast", "link-in-text-block"]
# What is drawn anew while the checker looks is gone from the page, and judged as if it were not.
_SETTLED = """() => new Promise((resolve) => {
  const rest = () => { clearTimeout(timer); timer = setTimeout(done, 300); };
  const done = () => { watch.disconnect(); clearTimeout(limit); resolve(); };
  const watch = new MutationObserver(rest);
  let timer = setTimeout(done, 300);
  const limit = setTimeout(done, 5000);
  watch.observe(document, { subtree: true, childList: true });
})"""


def inaccessible(page: Page) -> list[str]:
    """What the checker finds wrong with a page, once it is at rest; a line each."""
    page.evaluate(_SETTLED)
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(_AXE)
    found: list[str] = page.evaluate(_ACCESS)
    return found


def looked_at(page: Page, pictures: Path, name: str) -> list[str]:
    """What is wrong with a page in the light, and with its colours in the dark; a picture of each
    is left as `<name>-<scheme>.png`. The page is light before and after, and moves nothing: what
    fades from one scheme to the other has the colours of neither."""
    found = inaccessible(page)
    page.screenshot(path=pictures / f"{name}-light.png")
    page.emulate_media(color_scheme="dark")
    found += [f"dark: {one}" for one in page.evaluate(_ACCESS, _COLOURS)]
    page.screenshot(path=pictures / f"{name}-dark.png")
    page.emulate_media(color_scheme="light")
    return found
