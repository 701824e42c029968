// A query's progress: server-sent events change the page in place; a finished run is read anew.
import { follow } from "./events.js";
import { signed } from "./numbers.js";

const page = document.querySelector("[data-live]");
const { live: query, run: shown, version } = page.dataset;
const NUMBER = new Intl.NumberFormat("en");
const words = JSON.parse(document.getElementById("stages").textContent);
const marks = JSON.parse(document.getElementById("marks").textContent);
const told = page.querySelector("[data-told]");
const bar = page.querySelector("progress");
const left = page.querySelector("[data-left]");
const sofar = page.querySelector("[data-sofar]");
const link = page.querySelector("[data-link]");

function ordinal(n) {
  const last = n % 100 > 10 && n % 100 < 14 ? 0 : n % 10;
  return `${NUMBER.format(n)}${{ 1: "st", 2: "nd", 3: "rd" }[last] ?? "th"}`;
}

function time(seconds) {
  if (seconds < 1) return "less than 1 s left";
  if (seconds < 60) return `about ${Math.round(seconds)} s left`;
  return `about ${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s left`;
}

function chip(state, data) {
  const mark = document.querySelector(`[data-chip="${CSS.escape(data.run)}"]`);
  if (!mark) return;
  mark.textContent = marks[state];
  mark.className = `mark ${state}`;
  const said = mark.nextElementSibling;
  if (said) said.textContent = state;
}

function queued(data) {
  told.textContent = data.position ? `Waiting, ${ordinal(data.position)} in line` : "Waiting";
  bar.removeAttribute("value");
}

function running(data) {
  const stage = words[data.stage] ?? data.stage;
  told.textContent = stage.charAt(0).toUpperCase() + stage.slice(1);
  if (data.total) {
    bar.max = data.total;
    bar.value = data.done;
    sofar.textContent = `${NUMBER.format(data.done)} of ${NUMBER.format(data.total)}`;
  } else {
    bar.removeAttribute("value");
    sofar.textContent = "";
  }
  left.textContent = data.seconds_left == null ? "" : time(data.seconds_left);
}

function row(item, index) {
  const line = document.createElement("li");
  const cell = (className, text) => {
    const made = document.createElement("span");
    made.className = className;
    made.textContent = text;
    return made;
  };
  const snippet = cell("snip", item.snippet);
  snippet.dir = "auto";
  const from = document.createElement("small");
  from.textContent = item.document;
  snippet.append(from);
  // Raw where N is not known.
  const value = item.nats_per_copy ?? item.influence;
  line.append(cell("num", String(index + 1)), cell("num", signed(value)), snippet);
  return line;
}

function partial(data) {
  const box = page.querySelector("[data-provisional]");
  box.hidden = false;
  box.querySelector("ol").replaceChildren(...data.rows.map(row));
}

const states = { queued, running, partial };
for (const ended of ["done", "failed", "cancelled"]) states[ended] = () => location.reload();

function heard(name, data) {
  if (name !== "partial") chip(name, data);
  if (data.run === shown) states[name](data);
}

function lost(now) {
  link.textContent = now ? "The connection was lost; trying again. The work goes on without it." : "";
}

const acts = Object.fromEntries(Object.keys(states).map((name) => [name, heard]));
follow(`/api/v1/queries/${encodeURIComponent(query)}/events`, version, acts, { lost });
