// Under each chart two buttons: it is saved as SVG with its colours inside, or as PNG at twice its size.
const LOOKS = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin",
  "opacity", "font-family", "font-size", "font-weight", "font-style", "letter-spacing", "text-anchor", "display",
];
const PLAIN = { "fill-opacity": "1", opacity: "1", "stroke-dasharray": "none", "letter-spacing": "normal", display: "inline" };
const dot = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
const known = new Map();

// Any colour that the browser computes, mixed ones too, as other programs read it.
function hex(colour) {
  if (colour === "none" || !CSS.supports("color", colour)) return colour;
  if (!known.has(colour)) {
    dot.clearRect(0, 0, 1, 1);
    dot.fillStyle = colour;
    dot.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = dot.getImageData(0, 0, 1, 1).data;
    known.set(colour, a === 0 ? "none" : `#${[r, g, b].map((part) => part.toString(16).padStart(2, "0")).join("")}`);
  }
  return known.get(colour);
}

function drawn(chart) {
  const copy = chart.cloneNode(true);
  const from = [chart, ...chart.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((element, place) => {
    const looks = getComputedStyle(from[place]);
    for (const name of LOOKS) {
      const value = looks.getPropertyValue(name);
      if (value && value !== PLAIN[name]) element.setAttribute(name, name === "fill" || name === "stroke" ? hex(value) : value);
    }
    for (const name of ["class", "tabindex", "role"]) element.removeAttribute(name);
  });
  const box = chart.viewBox.baseVal;
  const [x, y, width, height] = box.width ? [box.x, box.y, box.width, box.height] : [0, 0, chart.clientWidth, chart.clientHeight];
  const ground = document.createElementNS(chart.namespaceURI, "rect");
  const paper = hex(getComputedStyle(document.body).backgroundColor);
  Object.entries({ x, y, width, height, fill: paper }).forEach(([name, value]) => ground.setAttribute(name, value));
  copy.prepend(ground);
  copy.setAttribute("xmlns", chart.namespaceURI);
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  return { text: new XMLSerializer().serializeToString(copy), width, height };
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const picture = (text) => new Blob([text], { type: "image/svg+xml" });

async function painted({ text, width, height }) {
  const address = URL.createObjectURL(picture(text));
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: 2 * width, height: 2 * height });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(address);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

// The page's place and the chart's, so that files of several pages do not have one name.
function named(figure, ending) {
  const place = location.pathname.split("/").filter(Boolean).slice(-2).join("-") || "chart";
  return `${place}-${figure.dataset.chart}.${ending}`;
}

function offer(figure) {
  const chart = [...figure.querySelectorAll("svg")].find((svg) => !svg.closest("figcaption, details"));
  if (!chart || figure.querySelector(":scope > .save")) return;
  const line = document.createElement("p");
  line.className = "save";
  for (const kind of ["SVG", "PNG"]) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button quiet";
    button.textContent = kind;
    button.setAttribute("aria-label", `Save this chart as ${kind}`);
    button.addEventListener("click", async () => {
      const made = drawn(chart);
      save(kind === "SVG" ? picture(made.text) : await painted(made), named(figure, kind.toLowerCase()));
    });
    line.append(button);
  }
  const caption = figure.querySelector("figcaption");
  (caption ?? chart.closest("figure > *") ?? chart).after(line);
}

function offerAll(part) {
  part.querySelectorAll("figure[data-chart]").forEach(offer);
  const any = document.querySelector("figure[data-chart] > .save");
  for (const note of document.querySelectorAll("[data-charts]")) note.hidden = !any;
}

offerAll(document);
// Parts of a page are renewed while it is open.
new MutationObserver((changes) => {
  for (const change of changes) for (const node of change.addedNodes) if (node.querySelector?.("figure[data-chart]")) offerAll(node);
}).observe(document.body, { childList: true, subtree: true });
