// Pointing at a sequence in one column shows it in the others, in the curves, in the chart and in the table.
import { bind } from "./keys.js";

const marked = new Map();
for (const item of document.querySelectorAll("[data-seq]")) {
  const list = marked.get(item.dataset.seq) ?? [];
  list.push(item);
  marked.set(item.dataset.seq, list);
}

function paint(target, on) {
  const item = target.closest?.("[data-seq]") ?? target.closest?.("a")?.querySelector("[data-seq]");
  if (!item) return;
  for (const same of marked.get(item.dataset.seq)) same.classList.toggle("on", on);
}

for (const [name, on] of [["mouseover", true], ["mouseout", false], ["focusin", true], ["focusout", false]]) {
  document.addEventListener(name, (event) => paint(event.target, on));
}

// Keys walk through the cards: down and up a column, and across to the same sequence in the next.
const columns = [...document.querySelectorAll("[data-columns] .column")].map((column) => [...column.querySelectorAll(".pick > a")]);

function focused() {
  const at = document.activeElement;
  const column = columns.findIndex((cards) => cards.includes(at));
  return column < 0 ? null : [column, columns[column].indexOf(at)];
}

function go(card) {
  card?.focus();
  card?.scrollIntoView({ block: "nearest" });
}

function down(by) {
  const [column, row] = focused() ?? [0, by > 0 ? -1 : 1];
  go(columns[column]?.[row + by]);
}

function across(by) {
  const [column, row] = focused() ?? [by > 0 ? -1 : 1, 0];
  const next = columns[column + by];
  if (!next) return;
  const key = columns[column]?.[row]?.dataset.seq;
  go(next.find((card) => card.dataset.seq === key) ?? next[Math.min(row, next.length - 1)]);
}

if (columns.length) {
  bind([
    { key: "j", does: "next sequence of the column", run: () => down(1) },
    { key: "k", does: "previous sequence of the column", run: () => down(-1) },
    { key: "l", does: "the same sequence in the next column", run: () => across(1) },
    { key: "h", does: "the same sequence in the column before", run: () => across(-1) },
    { key: "Enter", does: "open the sequence" },
  ]);
}

// Another run that is picked with the pointer is shown at once; with keys, which pass over others, the button shows it.
const sides = document.querySelector("[data-sides]");
if (sides) {
  let picked = false;
  for (const field of [...sides.elements].filter((one) => one.name === "runs")) {
    field.addEventListener("pointerdown", () => (picked = true));
    field.addEventListener("keydown", () => (picked = false));
    field.addEventListener("change", () => picked && sides.requestSubmit());
  }
}

// The chooser takes two to four runs; the button says so.
const form = document.querySelector("[data-chooser]");
if (form) {
  const button = form.querySelector("button[type=submit]");
  const count = () => {
    const chosen = form.querySelectorAll("input:checked").length;
    button.disabled = chosen < 2 || chosen > 4;
    button.textContent = chosen > 4 ? "At most four" : chosen ? `Compare ${chosen} run${chosen > 1 ? "s" : ""}` : "Choose two to four";
  };
  form.addEventListener("change", count);
  count();
}
