// Pointing at a sequence in one column shows it in the others, in the curves and in the table.
const marked = new Map();
for (const item of document.querySelectorAll("[data-seq]")) {
  const list = marked.get(item.dataset.seq) ?? [];
  list.push(item);
  marked.set(item.dataset.seq, list);
}

function paint(target, on) {
  const item = target.closest?.("[data-seq]");
  if (!item) return;
  for (const same of marked.get(item.dataset.seq)) same.classList.toggle("on", on);
}

for (const [name, on] of [["mouseover", true], ["mouseout", false], ["focusin", true], ["focusout", false]]) {
  document.addEventListener(name, (event) => paint(event.target, on));
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
