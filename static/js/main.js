// On every page: the theme's toggle, the list of keys, and a page that waits for models renews itself.
import "./keys.js";

const root = document.documentElement;
const toggle = document.querySelector("[data-theme-toggle]");

function dark() {
  if (root.dataset.theme) return root.dataset.theme === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

function remember(theme) {
  root.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Kept for this page only.
  }
  dispatchEvent(new CustomEvent("themechange"));
}

if (toggle) {
  toggle.hidden = false;
  const label = () => toggle.setAttribute("aria-label", dark() ? "Use the light theme" : "Use the dark theme");
  label();
  toggle.addEventListener("click", () => {
    remember(dark() ? "light" : "dark");
    label();
  });
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new CustomEvent("themechange")));

const read = async (address) => {
  const answer = await fetch(address, { headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
};

// While a model is being prepared its card shows how far it is; when that ends the page is read again.
const named = (attribute) => new Map([...document.querySelectorAll(`[data-${attribute}]`)].map((card) => [card.dataset[attribute], card]));
const cards = named("preparing");
const indexes = named("indexing");
const words = JSON.parse(document.getElementById("stages").textContent);

function prepared(model) {
  shown(cards.get(model.name), model);
  for (const index of model.indexes) shown(indexes.get(`${model.name} ${index.corpus}`), index);
}

// A model or an index on its card.
function shown(card, model) {
  if (!card) return;
  if (model.state !== card.dataset.state) {
    location.reload();
    return;
  }
  const bar = card.querySelector("progress");
  if (bar && model.total) {
    bar.max = model.total;
    bar.value = model.done;
  }
  const said = card.querySelector("[data-words]");
  const stage = words[model.stage] ?? model.stage;
  const number = (value) => value.toLocaleString("en");
  if (said) said.textContent = model.total ? `${stage} · ${number(model.done)} of ${number(model.total)}` : stage;
}

// Lists mark queries that wait or run; the marks follow.
async function follow(waiting) {
  const marks = JSON.parse(document.getElementById("marks").textContent);
  const queries = new Map((await read("/api/v1/queries?limit=200")).rows.map((query) => [query.id, query]));
  for (const said of waiting) {
    const state = queries.get(said.dataset.waits)?.states[said.dataset.model];
    if (!state) continue;
    said.textContent = ` ${state}`;
    const mark = said.parentElement.querySelector(".mark");
    mark.textContent = marks[state];
    mark.className = `mark ${state}`;
    if (state !== "queued" && state !== "running") delete said.dataset.waits;
  }
}

async function renew() {
  const waiting = document.querySelectorAll("[data-waits]");
  if (waiting.length) await follow(waiting);
  const missing = document.querySelector("[data-no-worker]");
  if (!cards.size && !indexes.size && !missing) return;
  const status = await read("/api/v1/status");
  status.models.forEach(prepared);
  if (status.workers.some((worker) => worker.alive)) missing?.remove();
}

if (cards.size || indexes.size || document.querySelector("[data-waits], [data-no-worker]")) {
  setInterval(() => document.hidden || renew().catch(() => {}), 2500);
}
