// What a mail has besides its text. Draws nothing of the thread, sends nothing by itself.

const BREAKS = /<(?:br|hr)\b|<\/(?:p|div|h[1-6]|li|tr|table|ul|ol|blockquote)\b/gi;

/** The words of HTML, without running any of it. */
function plain(html) {
  const page = new DOMParser().parseFromString(html.replace(BREAKS, "\n$&"), "text/html");
  for (const one of page.querySelectorAll("script, style, title")) one.remove();
  const lines = page.body.textContent.split("\n").map((line) => line.trim());
  return lines.join("\n").replace(/\n{3,}/g, "\n\n").trim();
}

export class MailFields {
  /** `changed` is called when something is written in a field. */
  constructor(root, changed) {
    root.classList.add("phone--mail");
    this.root = root.querySelector(".mail");
    this.subject = root.querySelector(".mail__subject");
    this.cc = root.querySelector(".mail__cc");
    this.html = root.querySelector(".mail__check");
    this.subject.placeholder = "Empty: a reply";
    this.cc.placeholder = "a@example.com, …";
    root.querySelector(".composer__file").removeAttribute("accept");
    root.querySelector(".composer__attach .quiet-label").textContent = "Attach a file";
    root.querySelector(".composer__attach").title = "Attach a file";
    root.querySelector(".preview__drop").textContent = "Remove file";
    root.querySelector(".composer__send").title = "Send (Ctrl+Enter)";
    this.root.addEventListener("input", changed);
  }

  show(shown) {
    this.root.hidden = !shown;
  }

  /** What to send beside the words, once. */
  take(words) {
    const found = {};
    const cc = this.cc.value.split(",").map((one) => one.trim()).filter(Boolean);
    if (this.subject.value.trim()) found.subject = this.subject.value.trim();
    if (cc.length) found.cc = cc;
    if (this.html.checked && words) Object.assign(found, { html: words, text: plain(words) });
    this.subject.value = "";
    this.cc.value = "";
    return found;
  }
}
