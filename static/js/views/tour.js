// Three coach marks for the first minute of the demo: a reply, a STOP, the evidence. Once.

import { byId, setText } from "../lib/dom.js";
import { keep, recall } from "../lib/storage.js";

const SEEN = "assent.tour";
const STEPS = [
  {
    at: () => byId("roster-list").firstElementChild,
    title: "Answer somebody",
    text: "Open a conversation, write, press Enter. The ticks beside your words say how far they got.",
  },
  {
    at: () => document.querySelector(".demo__link"),
    title: "Then be the customer",
    text: "“Be one” opens the customer's side. Write STOP there, as a customer would who has had enough.",
  },
  {
    at: () => document.querySelector("#conversation-body:not([hidden]) #gate") ?? byId("conversation-none"),
    title: "And see what holds",
    text: "The line above the reply says whether you may write, and “Why?” shows the evidence: their own words, and the rule.",
  },
];

export class Tour {
  constructor() {
    this.card = byId("tour");
    byId("tour-skip").addEventListener("click", () => this.end());
    byId("tour-next").addEventListener("click", () => this.go(this.step + 1));
    this.card.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.end();
    });
    const settle = () => this.step !== undefined && this.place();
    addEventListener("resize", settle);
    // Where the panes are pages it is put away in a conversation, and comes back with the list.
    new ResizeObserver(settle).observe(this.card);
  }

  begin() {
    if (!recall(SEEN)) this.go(0);
  }

  go(step) {
    this.mark?.classList.remove("coached");
    if (step >= STEPS.length) {
      this.end();
      return;
    }
    this.step = step;
    setText(byId("tour-step"), `${step + 1} of ${STEPS.length}`);
    setText(byId("tour-title"), STEPS[step].title);
    setText(byId("tour-text"), STEPS[step].text);
    const last = step === STEPS.length - 1;
    setText(byId("tour-next"), last ? "Done" : "Next");
    byId("tour-skip").hidden = last;
    this.card.hidden = false;
    this.place();
  }

  /** Beside what it speaks of, wherever there is room for it. */
  place() {
    this.mark = STEPS[this.step].at();
    this.mark?.classList.add("coached");
    const { offsetWidth: width, offsetHeight: height } = this.card;
    const target = this.mark?.getBoundingClientRect();
    const gap = 12;
    let left = (innerWidth - width) / 2;
    let top = innerHeight - height - 96;
    if (target?.width) {
      const beside = target.right + gap + width < innerWidth && target.width < 500;
      left = beside ? target.right + gap : Math.min(target.left, innerWidth - width - gap);
      const below = target.bottom + gap + height < innerHeight;
      top = beside ? target.top : below ? target.bottom + gap : target.top - height - gap;
    }
    this.card.style.left = `${Math.max(gap, left)}px`;
    this.card.style.top = `${Math.max(gap, Math.min(top, innerHeight - height - gap))}px`;
  }

  end() {
    this.mark?.classList.remove("coached");
    this.step = undefined;
    this.card.hidden = true;
    keep(SEEN, true);
  }
}
