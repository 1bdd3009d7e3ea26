// Scrolling of the thread: stay at the end if there, never move what is being read.

const NEAR_END = 40;

export class Scroller {
  /** box: the element that scrolls; content: what is in it and grows. */
  constructor(box, content) {
    this.box = box;
    this.content = content;
    this.following = true;
    this.gliding = false;
    box.addEventListener("scroll", () => {
      // While the size changes the browser reports scrolls nobody made; those are not a reader's wish.
      if (!this.settling && !this.gliding) this.following = this.atEnd();
    });
    box.addEventListener("scrollend", () => this.land());
    // Whoever takes hold of it while it glides to the end means to be somewhere else.
    for (const type of ["wheel", "touchmove", "pointerdown"]) {
      box.addEventListener(type, () => this.gliding && this.land(), { passive: true });
    }
    new ResizeObserver(() => {
      if (this.following) this.toEnd();
    }).observe(content);
    new ResizeObserver(() => {
      if (this.following) this.toEnd();
    }).observe(box);
  }

  atEnd() {
    return this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < NEAR_END;
  }

  toEnd({ smooth = false } = {}) {
    this.following = true;
    this.gliding = smooth || this.gliding;
    this.settling = true;
    this.box.scrollTo({ top: this.box.scrollHeight, behavior: this.gliding ? "smooth" : "instant" });
    requestAnimationFrame(() => {
      this.settling = false;
    });
  }

  land() {
    this.gliding = false;
    this.following = this.atEnd();
  }

  /** Put an element a third of the way down, as something to begin reading at. */
  toElement(element, share = 0.25) {
    this.gliding = false;
    const offset = element.getBoundingClientRect().top - this.box.getBoundingClientRect().top;
    this.box.scrollTop += offset - this.box.clientHeight * share;
    this.following = this.atEnd();
  }

  /** Run `change`, which makes room for more to read: it begins where it was, the end may move away. */
  unfold(change) {
    this.following = false;
    change();
    this.following = this.atEnd();
  }

  /** Run `change`; afterwards what was on the screen is where it was, or the end is still the end. */
  keep(change) {
    if (this.following) {
      change();
      this.toEnd();
      return;
    }
    const top = this.box.getBoundingClientRect().top;
    const anchor = [...this.content.children].find((child) => child.getBoundingClientRect().bottom > top);
    const before = anchor?.getBoundingClientRect().top;
    change();
    const moved = anchor?.isConnected ? anchor.getBoundingClientRect().top - before : 0;
    if (moved) this.box.scrollTop += moved;
  }
}
