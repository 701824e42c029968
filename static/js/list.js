// A query's list: its form acts at once and leaves short addresses, and keys move through the rows.
import { bind } from "./keys.js";

const form = document.querySelector("[data-choose]");
const rows = [...document.querySelectorAll("li.row")];
let at = -1;

if (form) {
  // What is empty, or as it is without being said, is left out of the address.
  form.addEventListener("submit", () => {
    for (const field of form.elements) {
      if (field.name && (field.value === "" || (field.name === "sort" && field.value === "influence"))) field.disabled = true;
    }
  });
  // Back to this page, the browser shows it as it was left.
  addEventListener("pageshow", () => {
    for (const field of form.elements) field.disabled = false;
  });
  form.addEventListener("change", (event) => event.target.name !== "find" && form.requestSubmit());
  const find = form.elements.find;
  // The cross of a search field empties it.
  find.addEventListener("search", () => find.value === "" && find.defaultValue && form.requestSubmit());
  bind([{ key: "/", does: "find in the sequences", run: () => find.select() }]);
}

function move(to) {
  if (!rows.length) return;
  at = Math.min(rows.length - 1, Math.max(0, to));
  const link = rows[at].querySelector("a.open");
  link.focus({ preventScroll: true });
  rows[at].scrollIntoView({ block: "nearest" });
}

// From where the reader is: a row that was reached by Tab or a click counts.
function here() {
  const inside = rows.findIndex((row) => row.contains(document.activeElement));
  return inside < 0 ? at : inside;
}

if (rows.length) {
  bind([
    { key: "j", does: "next sequence", run: () => move(here() + 1) },
    { key: "k", does: "previous sequence", run: () => move(here() < 0 ? 0 : here() - 1) },
    { key: "Enter", does: "open the sequence" },
    { key: "n", does: "next page of the list", run: () => document.querySelector(".pager [rel=next]")?.click() },
    { key: "p", does: "previous page of the list", run: () => document.querySelector(".pager [rel=prev]")?.click() },
  ]);
}
