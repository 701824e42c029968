// The layer x token grid and the table of its numbers, made of the page's data, and linked with the tokens above it.
import { bind, follow } from "./keys.js";
import { signed } from "./numbers.js";

const card = document.querySelector("[data-grid]");
const canvas = card.querySelector("canvas");
const scroller = canvas.parentElement;
const data = JSON.parse(document.querySelector("[data-cells]").textContent);
const readout = document.querySelector("[data-readout]");
const spans = [...document.querySelectorAll("[data-pos]")];
const text = document.querySelector("[data-view]");
const { layers } = data;
const rows = data.tokens.map((token, place) => ({
  token,
  next: data.tokens[place + 1] ?? "",
  total: data.totals[place],
  layers: data.cells.map((values) => values[place]),
}));
const [L, T] = [layers.length, rows.length];
const scale = Math.max(...rows.flatMap((row) => row.layers.map(Math.abs)), 1e-30);
const columnScale = Math.max(...rows.map((row) => Math.abs(row.total)), 1e-30);
const sums = layers.map((_, layer) => rows.reduce((sum, row) => sum + row.layers[layer], 0));
const sumScale = Math.max(...sums.map(Math.abs), 1e-30);
const LABEL = Math.min(110, 14 + 7 * Math.max(...layers.map((name) => name.length)));
const SIDE = 64;
const SUMS = 28;
const NAMES = 22;
let cellWidth = 30;
let cellHeight = 24;
let at = { layer: -1, token: -1 };
let locked = false;
let fresh = true;

function colours() {
  const style = getComputedStyle(document.documentElement);
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const read = (name) => {
    probe.style.color = style.getPropertyValue(name);
    return getComputedStyle(probe).color;
  };
  const found = { pos: read("--pos"), neg: read("--neg"), ink: read("--ink"), muted: read("--muted"), line: read("--line"), accent: read("--accent"), card: read("--card") };
  probe.remove();
  return found;
}

function strength(value, most) {
  const ratio = Math.abs(value) / most;
  return ratio < 0.03 ? 0 : Math.min(1, ratio) ** 0.6;
}

function layout() {
  const room = card.clientWidth - 28 - LABEL - SIDE;
  cellWidth = Math.max(T > 200 ? 9 : T > 60 ? 14 : 26, Math.min(46, room / T));
  cellHeight = L > 24 ? 12 : L > 12 ? 17 : 25;
  const width = LABEL + T * cellWidth + SIDE;
  const height = L * cellHeight + SUMS + (cellWidth < 22 ? 0 : NAMES);
  const ratio = devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  draw(ratio);
  if (fresh) showHeaviest();
}

// A long sequence begins where the influence is, not at its first token.
function showHeaviest() {
  fresh = false;
  const heaviest = rows.reduce((best, row, token) => (Math.abs(row.total) > Math.abs(rows[best].total) ? token : best), 0);
  const x = LABEL + heaviest * cellWidth;
  if (x > scroller.clientWidth - SIDE) scroller.scrollLeft = x - scroller.clientWidth / 2;
}

function draw(ratio = devicePixelRatio || 1) {
  const paint = canvas.getContext("2d");
  const c = colours();
  paint.setTransform(ratio, 0, 0, ratio, 0, 0);
  paint.clearRect(0, 0, canvas.width, canvas.height);
  drawCells(paint, c);
  drawTokens(paint, c);
  if (at.token >= 0) drawSelection(paint, c);
  drawEdges(paint, c);
}

function drawCells(paint, c) {
  const gap = cellWidth > 12 ? 2 : 1;
  for (let token = 0; token < T; token++) {
    for (let layer = 0; layer < L; layer++) {
      const value = rows[token].layers[layer];
      const [x, y] = [LABEL + token * cellWidth, layer * cellHeight];
      const alpha = strength(value, scale);
      paint.globalAlpha = 1;
      paint.fillStyle = c.line;
      paint.globalAlpha = 0.35;
      paint.fillRect(x, y, cellWidth - gap, cellHeight - gap);
      if (!alpha) continue;
      paint.globalAlpha = alpha;
      paint.fillStyle = value > 0 ? c.pos : c.neg;
      paint.fillRect(x, y, cellWidth - gap, cellHeight - gap);
      if (value < 0 && cellWidth > 12) {
        paint.globalAlpha = 1;
        paint.fillStyle = c.ink;
        for (let dot = 3; dot < cellWidth - gap - 2; dot += 5) paint.fillRect(x + dot, y + cellHeight - gap - 4, 2, 2);
      }
    }
  }
  paint.globalAlpha = 1;
}

// The layers' names and sums stay at the edges of what is seen, over the cells that pass beneath.
function drawEdges(paint, c) {
  const left = scroller.scrollLeft;
  const right = left + Math.min(scroller.clientWidth, LABEL + T * cellWidth + SIDE) - SIDE;
  paint.fillStyle = c.card;
  paint.fillRect(left, 0, LABEL - 4, L * cellHeight + SUMS + NAMES);
  paint.fillRect(right, 0, SIDE, L * cellHeight + SUMS + NAMES);
  paint.font = "12px system-ui, sans-serif";
  paint.textBaseline = "middle";
  const room = SIDE - 12;
  for (let layer = 0; layer < L; layer++) {
    const y = layer * cellHeight + cellHeight / 2 - 1;
    if (cellHeight >= 15 || layer % 2 === 0) {
      paint.fillStyle = layer === at.layer ? c.ink : c.muted;
      paint.fillText(layers[layer], left, Math.max(y, 7), LABEL - 10);
    }
    paint.fillStyle = sums[layer] < 0 ? c.neg : c.pos;
    paint.fillRect(right + 10, y - 4, Math.max(1, (room * Math.abs(sums[layer])) / sumScale), 8);
  }
}

// As many characters as the cell has room for, never squeezed.
function fitting(paint, text, room) {
  let end = text.length;
  while (end > 1 && paint.measureText(text.slice(0, end)).width > room) end--;
  return text.slice(0, end);
}

function drawTokens(paint, c) {
  const top = L * cellHeight + 4;
  paint.textBaseline = "alphabetic";
  paint.textAlign = "center";
  paint.font = "12px system-ui, sans-serif";
  for (let token = 0; token < T; token++) {
    const x = LABEL + token * cellWidth + cellWidth / 2 - 1;
    const { total } = rows[token];
    const size = (20 * Math.abs(total)) / columnScale;
    paint.fillStyle = total < 0 ? c.neg : c.pos;
    paint.fillRect(x - Math.min(8, cellWidth / 2 - 1), top + (20 - size), Math.min(16, cellWidth - 2), Math.max(size, 0.5));
    if (cellWidth < 22) continue;
    paint.fillStyle = token === at.token ? c.ink : c.muted;
    paint.fillText(fitting(paint, rows[token].token.trim() || "␣", cellWidth - 3), x, top + 38);
  }
  paint.textAlign = "left";
}

function drawSelection(paint, c) {
  const x = LABEL + at.token * cellWidth;
  paint.strokeStyle = c.accent;
  paint.lineWidth = 2;
  paint.strokeRect(x - 1, 0.5, cellWidth, L * cellHeight + 26);
  if (at.layer >= 0) {
    paint.lineWidth = 3;
    paint.strokeRect(x - 1, at.layer * cellHeight - 0.5, cellWidth, cellHeight);
  }
}

function entry(name, value, className) {
  const box = document.createElement("span");
  const strong = document.createElement(className === "num" ? "span" : "b");
  strong.className = className ?? "";
  strong.textContent = value;
  box.append(`${name} `, strong);
  return box;
}

function shown(words) {
  return `“${words.replaceAll("\n", "↵")}”`;
}

// A stretch of the text without the marks that stand for line breaks; a long one by its ends.
function plain(whole) {
  const words = whole.textContent.replaceAll("↵\n", "\n").trim();
  return words.length > 60 ? `${words.slice(0, 28)} … ${words.slice(-24)}` : words;
}

function tell() {
  if (at.token < 0) {
    readout.textContent = readout.dataset.hint;
    return;
  }
  const row = rows[at.token];
  const parts = [entry("token", shown(row.token)), entry("helped predict", row.next ? shown(row.next) : "nothing: it is the last")];
  const span = spans.find((one) => Number(one.dataset.pos) === at.token);
  if (span?.dataset.e) parts.push(entry(text.dataset.view, signed(Number(span.dataset.e)), "num"));
  const whole = span?.closest("[data-sum]");
  if (whole) parts.push(entry(`${text.dataset.read} ${shown(plain(whole))}`, signed(Number(whole.dataset.sum)), "num"));
  parts.push(entry("all layers", signed(row.total), "num"));
  if (at.layer >= 0) parts.push(entry(layers[at.layer], signed(row.layers[at.layer]), "num"));
  if (locked) parts.push(entry("", "locked; click again or press Escape to let go"));
  readout.replaceChildren(...parts);
}

function select(token, layer) {
  at = { token, layer };
  for (const span of spans) {
    const position = Number(span.dataset.pos);
    span.classList.toggle("sel", position === token);
    span.classList.toggle("nxt", position === token + 1 && token >= 0);
  }
  draw();
  tell();
}

function place(event) {
  const box = canvas.getBoundingClientRect();
  const token = Math.floor((event.clientX - box.left - LABEL) / cellWidth);
  const layer = Math.floor((event.clientY - box.top) / cellHeight);
  return { token: token >= 0 && token < T ? token : -1, layer: layer >= 0 && layer < L ? layer : -1 };
}

function lock(token, layer) {
  locked = !(locked && at.token === token && at.layer === layer) && token >= 0;
  select(token, layer);
}

// What is chosen by keys comes into view, in the grid and in the text.
function show(token) {
  const x = LABEL + token * cellWidth;
  if (x < scroller.scrollLeft + LABEL || x > scroller.scrollLeft + scroller.clientWidth - SIDE) scroller.scrollLeft = x - scroller.clientWidth / 2;
}

function step(tokens, up) {
  locked = true;
  const token = Math.min(T - 1, Math.max(0, (at.token < 0 ? (tokens < 0 ? T : up ? 0 : -1) : at.token) + tokens));
  const layer = up ? Math.min(L - 1, Math.max(0, (at.layer < 0 ? (up > 0 ? -1 : L) : at.layer) + up)) : at.layer;
  select(token, layer);
  show(token);
}

canvas.hidden = false;
canvas.addEventListener("mousemove", (event) => {
  if (locked) return;
  const { token, layer } = place(event);
  if (token !== at.token || layer !== at.layer) select(token, layer);
});
canvas.addEventListener("mouseleave", () => locked || select(-1, -1));
canvas.addEventListener("click", (event) => {
  const { token, layer } = place(event);
  lock(token, layer);
});
for (const span of spans) {
  const position = Number(span.dataset.pos);
  span.addEventListener("mouseenter", () => locked || select(position, -1));
  span.addEventListener("mouseleave", () => locked || select(-1, -1));
  span.addEventListener("click", () => lock(position, -1));
}

function unlock() {
  locked = false;
  select(-1, -1);
}

// Within the table of numbers, which scrolls, the arrows are the browser's own.
const outside = (event) => !event.target.closest("details");
const inGrid = () => document.activeElement === scroller;
const end = (token) => () => {
  locked = true;
  select(token, at.layer);
  show(token);
};
bind([
  { key: "ArrowLeft", does: "along the tokens", run: () => step(-1, 0), when: outside },
  { key: "ArrowRight", does: "along the tokens", run: () => step(1, 0), when: outside },
  { key: "ArrowUp", does: "through the layers, once the grid has the focus", run: () => step(0, -1), when: inGrid },
  { key: "ArrowDown", does: "through the layers, once the grid has the focus", run: () => step(0, 1), when: inGrid },
  { key: "Home", does: "the first and the last token, once the grid has the focus", run: end(0), when: inGrid },
  { key: "End", does: "the first and the last token, once the grid has the focus", run: end(T - 1), when: inGrid },
  { key: "Escape", does: "let go of what is locked", run: unlock, when: () => locked || at.token >= 0 },
  { key: "j", does: "the next sequence, lighter", run: follow("a[rel=next]") },
  { key: "k", does: "the previous sequence, heavier", run: follow("a[rel=prev]") },
]);

// The table is made when it is first opened: with thousands of cells it would hold up the page.
function cell(text, kind = "td", scope = "") {
  const made = document.createElement(kind);
  made.textContent = text;
  if (scope) made.scope = scope;
  return made;
}

function figure(text, kind = "td", scope = "") {
  const made = cell(text, kind, scope);
  made.className = "n";
  return made;
}

function line(...cells) {
  const made = document.createElement("tr");
  made.append(...cells);
  return made;
}

function tabulate(place) {
  const region = document.createElement("div");
  region.className = "gridtable";
  region.tabIndex = 0;
  region.setAttribute("role", "region");
  region.setAttribute("aria-label", "Influence by token and layer");
  const table = document.createElement("table");
  table.dataset.gridTable = "";
  table.createCaption().textContent = place.dataset.caption;
  table.caption.className = "sr";
  const heads = [cell("token", "th", "col"), cell("next token", "th", "col"), ...["all layers", ...layers].map((name) => figure(name, "th", "col"))];
  table.createTHead().append(line(...heads));
  const body = table.createTBody();
  for (const row of rows) {
    body.append(line(cell(row.token.replaceAll("\n", "↵"), "th", "row"), cell(row.next.replaceAll("\n", "↵")), ...[row.total, ...row.layers].map((value) => figure(signed(value)))));
  }
  const whole = rows.reduce((sum, row) => sum + row.total, 0);
  const sum = cell("sum over tokens", "th", "row");
  sum.colSpan = 2;
  table.createTFoot().append(line(sum, ...[whole, ...sums].map((value) => figure(signed(value)))));
  region.append(table);
  place.prepend(region);
}

const numbers = document.querySelector("[data-numbers]");
numbers.closest("details").addEventListener("toggle", () => tabulate(numbers), { once: true });

addEventListener("themechange", () => draw());
scroller.addEventListener("scroll", () => draw(), { passive: true });
new ResizeObserver(layout).observe(card);
tell();
