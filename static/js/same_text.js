// One text under several models: the characters of a token are shown in every column, whatever its tokens are.
import { signed } from "./numbers.js";

const box = document.querySelector("[data-same]");

function columnOf(part) {
  const spans = [...part.querySelectorAll("[data-a]")].map((span) => ({
    span,
    from: span.closest("[data-in]").dataset.in,
    start: Number(span.dataset.a),
    stop: Number(span.dataset.b),
    value: Number(span.dataset.v),
  }));
  return { spans, told: part.querySelector("[data-told]"), group: part.querySelector("[role=group]") };
}

function linked(columns) {
  let locked = null;
  let at = null;

  function tell(column, found) {
    if (!column.told) return;
    const text = found.map((one) => one.span.textContent).join("").replaceAll("\n", "↵");
    const sum = found.reduce((total, one) => total + one.value, 0);
    const many = found.length === 1 ? "" : ` in ${found.length} tokens`;
    column.told.textContent = !at ? "" : found.length ? `“${text}”${many}: ${signed(sum)}` : "not in its stretch of the document";
  }

  // Tokens stay whole: those that share any character with the one pointed at.
  function show(token) {
    at = token;
    for (const column of columns) {
      const found = [];
      for (const one of column.spans) {
        const same = token && one.from === token.from && one.start < token.stop && token.start < one.stop;
        one.span.classList.toggle("sel", Boolean(same));
        if (same) found.push(one);
      }
      tell(column, found);
    }
  }

  function lock(token) {
    locked = locked === token ? null : token;
    show(locked ?? token);
  }

  function step(column, by) {
    const place = column.spans.indexOf(at);
    const next = place < 0 ? (by > 0 ? 0 : column.spans.length - 1) : Math.min(column.spans.length - 1, Math.max(0, place + by));
    locked = column.spans[next];
    show(locked);
    locked.span.scrollIntoView({ block: "nearest" });
  }

  for (const column of columns) {
    for (const one of column.spans) {
      one.span.addEventListener("mouseenter", () => locked || show(one));
      one.span.addEventListener("mouseleave", () => locked || show(null));
      one.span.addEventListener("click", () => lock(one));
    }
    column.group?.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      step(column, by);
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    locked = null;
    show(null);
  });
}

if (box) {
  linked([...box.children].map(columnOf));
  box.parentElement.querySelector("[data-hint]").hidden = false;
}
