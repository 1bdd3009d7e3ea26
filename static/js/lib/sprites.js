// The drawings of icons and marks. The page names them by file; once loaded they become part of the page,
// so that an icon that is first needed while the line is down is there.

const FILES = { icon: "/static/vendor/lucide.svg", channel: "/static/img/channels.svg" };

const inlined = new Set();

export const address = (sprite, name) => (inlined.has(sprite) ? `#${sprite}-${name}` : `${FILES[sprite]}#${name}`);

/** Fetch a sprite as a document: by XMLHttpRequest, since a parser of strings is closed by the policy. */
function load(sprite) {
  const request = new XMLHttpRequest();
  request.open("GET", FILES[sprite]);
  request.responseType = "document";
  request.addEventListener("load", () => {
    const source = request.responseXML?.documentElement;
    if (source) inline(sprite, document.importNode(source, true));
  });
  request.send();
}

function inline(sprite, drawings) {
  for (const symbol of drawings.querySelectorAll("symbol")) symbol.id = `${sprite}-${symbol.id}`;
  drawings.setAttribute("hidden", "");
  document.body.append(drawings);
  inlined.add(sprite);
  const prefix = `${FILES[sprite]}#`;
  const places = [document, ...[...document.querySelectorAll("template")].map((template) => template.content)];
  for (const use of places.flatMap((place) => [...place.querySelectorAll("use")])) {
    const href = use.getAttribute("href");
    if (href?.startsWith(prefix)) use.setAttribute("href", address(sprite, href.slice(prefix.length)));
  }
}

export function inlineSprites() {
  for (const sprite of Object.keys(FILES)) load(sprite);
}
