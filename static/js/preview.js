// The token preview of the form: asked for a moment after the last key, so typing stays smooth.
const form = document.querySelector("[data-preview]");
const out = document.getElementById("previews");
const MOST = 400; // tokens of each side that are shown; all are counted
let timer = 0;
let asked = 0;

function piece(text, completion) {
  const made = document.createElement("span");
  made.className = completion ? "k c" : "k";
  made.textContent = text === "" ? "\u25cc" : text.replaceAll("\n", "↵");
  return made;
}

function paragraph(className, text) {
  const made = document.createElement("p");
  made.className = className;
  made.textContent = text;
  return made;
}

function block(preview) {
  const box = document.createElement("div");
  box.className = "preview";
  const title = document.createElement("h3");
  title.textContent = preview.model;
  box.append(title);
  const before = preview.prompt_tokens.length;
  const after = preview.completion_tokens.length;
  if (before + after) {
    const most = preview.context_length ? ` of at most ${preview.context_length}` : "";
    box.append(paragraph("note", `${before} + ${after} tokens${most}`));
    const tokens = paragraph("toks", "");
    tokens.dir = "auto";
    const [first, second] = [preview.prompt_tokens.slice(-MOST), preview.completion_tokens.slice(0, MOST)];
    tokens.append(...first.map((t) => piece(t, false)), ...second.map((t) => piece(t, true)));
    box.append(tokens);
  }
  if (preview.problem) box.append(paragraph(before + after ? "error" : "note", `${preview.problem.problem} ${preview.problem.remedy}`));
  return box;
}

// Models that share a tokenizer read a text alike: they are shown once, under all their names.
function merged(previews) {
  const found = new Map();
  for (const preview of previews) {
    const { model, ...rest } = preview;
    const key = JSON.stringify({ ...rest, problem: rest.problem ? model : null });
    const same = found.get(key);
    if (same) same.model += `, ${model}`;
    else found.set(key, { ...preview });
  }
  return [...found.values()];
}

async function ask() {
  const data = new FormData(form);
  const [prompt, completion, models] = [data.get("prompt"), data.get("completion"), data.getAll("models")];
  const turn = ++asked;
  if (!models.length || (!prompt && !completion)) {
    out.replaceChildren(paragraph("note", "Write a prompt and a completion to see their tokens."));
    return;
  }
  const answer = await fetch("/api/v1/preview", {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ prompt, completion, models }),
  });
  if (turn !== asked) return;
  const body = await answer.json();
  out.replaceChildren(...(answer.ok ? merged(body).map(block) : [paragraph("error", `${body.detail} ${body.remedy}`)]));
}

const soon = () => {
  clearTimeout(timer);
  timer = setTimeout(() => ask().catch(() => {}), 250);
};
form.addEventListener("input", soon);
form.addEventListener("change", soon);
form.querySelector("[data-noscript-preview]")?.setAttribute("hidden", "");
soon();
