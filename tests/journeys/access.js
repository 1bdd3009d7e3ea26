// What the checker finds wrong, however slight, and what it leaves open and is not right either;
// by these rules, or by all.
async (rules) => {
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const paint = (layers) => {
    pen.clearRect(0, 0, 1, 1);
    for (const layer of layers) {
      pen.fillStyle = layer;
      pen.fillRect(0, 0, 1, 1);
    }
    return pen.getImageData(0, 0, 1, 1).data;
  };
  const luminance = (colour) => {
    const [r, g, b] = [...colour].map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  // The checker gives up where one thing lies over another. A text is read when nothing does.
  const contrast = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      layers.unshift(getComputedStyle(one).backgroundColor);
    }
    layers.unshift(getComputedStyle(document.documentElement).colorScheme === "dark" ? "#000" : "#fff");
    const behind = luminance(paint(layers));
    const text = luminance(paint([...layers, getComputedStyle(element).color]));
    return (Math.max(behind, text) + 0.05) / (Math.min(behind, text) + 0.05);
  };
  const told = (found) => `${found.id}: ${found.nodes.map((node) => node.target.join(" ")).join(" | ")}`;
  const pale = (node) => contrast(document.querySelector(node.target.at(-1))) < 4.5;

  // Nothing runs in the frame of a mail, the checker neither; its form is its writer's.
  const { violations, incomplete } = await axe.run(document, {
    rules: { "frame-tested": { enabled: false } },
    iframes: false,
    ...(rules && { runOnly: { type: "rule", values: rules } }),
  });
  const open = incomplete
    .map((found) => (found.id === "color-contrast" ? { ...found, nodes: found.nodes.filter(pale) } : found))
    .filter((found) => found.nodes.length);
  return [...violations, ...open].map(told);
}
