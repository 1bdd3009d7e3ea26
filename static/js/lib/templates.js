// Message templates: how one reads once it is filled in, and which there are. Pure.

const PLACE = /\{\{\s*([A-Za-z0-9_]+)\s*\}\}/gu;

/** What stands in a place that is not filled in yet. */
const blank = (name) => `⟨${/^\d+$/u.test(name) ? name : name.replaceAll("_", " ")}⟩`;

const filled = (text, part, values) => text.replace(PLACE, (_, name) => values[`${part}.${name}`] || blank(name));

/** A message in the shape of the API's, as the contact would see this template with these values. */
export function preview(template, values) {
  const buttons = template.buttons.map(({ type, title, url }, index) => ({
    type,
    title,
    ...(url && { url: url.replace(PLACE, () => values[`button.${index}`] || "…") }),
  }));
  const { type, text } = template.header;
  return {
    type: "template",
    direction: "outbound",
    text: filled(template.body, "body", values),
    content: {
      template: {
        name: template.name,
        language: template.language,
        header_type: type,
        header: type === "text" ? filled(text, "header", values) : null,
        footer: template.footer,
        buttons,
        parameters: { "header.location": values["header.location"] ?? null },
      },
    },
  };
}

/** Names people read: `order_update` is "Order update". */
export function wording(name) {
  const words = name.replaceAll("_", " ").trim();
  return words.charAt(0).toLocaleUpperCase() + words.slice(1);
}

/** Templates by name, each with its languages, of those in which every word is found. */
export function found(templates, query) {
  const words = query.toLocaleLowerCase().split(/\s+/u).filter(Boolean);
  const byName = new Map();
  for (const template of templates) {
    const text = `${template.name.replaceAll("_", " ")} ${template.body} ${template.category}`.toLocaleLowerCase();
    if (!words.every((word) => text.includes(word))) continue;
    byName.set(template.name, [...(byName.get(template.name) ?? []), template]);
  }
  return [...byName.values()];
}

const languages = new Intl.DisplayNames(undefined, { type: "language" });

/** "English (United States)" of `en_US`. */
export function language(code) {
  try {
    return languages.of(code.replaceAll("_", "-"));
  } catch {
    return code;
  }
}
