// The token preview of the form: asked for a moment after the last key, so typing stays smooth.
const form = document.querySelector("[data-preview]");
const out = document.getElementById("previews");
const MOST = 400; // tokens of each side that are shown; all are counted
const completion = form.querySelector("#completion");
const stretches = form.querySelector("#stretches"); // what counts, as "0-4 9-12"; empty where all does
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

// A token of the completion with a switch: whether it counts.
function counting(text, [start, stop], counts) {
  const made = document.createElement("label");
  made.className = "k c";
  const box = document.createElement("input");
  box.type = "checkbox";
  box.className = "sr";
  box.checked = counts;
  [box.dataset.start, box.dataset.stop] = [start, stop];
  made.append(box, text.replaceAll("\n", "↵"));
  return made;
}

function side(name, pieces) {
  const made = paragraph("toks", "");
  made.dir = "auto";
  if (name) made.setAttribute("aria-label", name);
  if (name) made.setAttribute("role", "group");
  made.append(...pieces);
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
    // The parts of one character count together, by its first token's switch.
    const switched = (text, place) => {
      const stretch = preview.completion_stretches[place];
      return stretch[0] < stretch[1] ? counting(text, stretch, preview.counted[place]) : piece(text, true);
    };
    const tokens = side("Tokens that count", [
      ...preview.prompt_tokens.slice(-MOST).map((text) => piece(text, false)),
      ...preview.completion_tokens.slice(0, MOST).map(switched),
    ]);
    box.append(tokens);
    if (preview.against_tokens.length) {
      box.append(paragraph("note", "rather than"), side("", preview.against_tokens.slice(0, MOST).map((text) => piece(text, false))));
    }
    const told = paragraph("note", "");
    told.dataset.told = "";
    box.append(told);
  }
  // While the prompt alone is written, that the completion is empty goes without saying.
  if (preview.problem && !(before && !completion.value)) box.append(paragraph(before + after ? "error" : "note", `${preview.problem.problem} ${preview.problem.remedy}`));
  return box;
}

const chosen = () => stretches.value.match(/\d+-\d+/g)?.map((text) => text.split("-").map(Number)) ?? (stretches.value ? [] : null);
const switches = (within) => [...within.querySelectorAll("input[data-start]")];

// Every model's switches show what counts: a token counts if its own characters, white space before them aside, do.
function show() {
  const counted = chosen();
  for (const box of out.querySelectorAll(".preview")) {
    const all = switches(box);
    for (const one of all) {
      const [start, stop] = [Number(one.dataset.start), Number(one.dataset.stop)];
      const text = completion.value.slice(start, stop);
      const own = text.trim() ? stop - text.trimStart().length : start;
      one.checked = !counted || counted.some(([first, last]) => own < last && first < stop);
    }
    const on = all.filter((one) => one.checked).length;
    const told = box.querySelector("[data-told]");
    if (told) told.textContent = on === all.length ? "" : on ? `${on} of ${all.length} count` : "None counts: let at least one count.";
  }
}

out.addEventListener("change", (event) => {
  const all = switches(event.target.closest(".preview"));
  const on = all.filter((one) => one.checked).map((one) => `${one.dataset.start}-${one.dataset.stop}`);
  stretches.value = on.length === all.length ? "" : on.join(" ") || "none";
  event.stopPropagation();
  show();
});

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

function question(data) {
  const text = (name) => data.get(name) || null;
  const asks = { prompt: data.get("prompt"), completion: data.get("completion"), models: data.getAll("models"), format: data.get("format") };
  const counted = chosen();
  return { ...asks, system: text("system"), against: text("against"), writer: text("writer"), counted: counted?.length ? counted : null };
}

async function ask() {
  const asks = question(new FormData(form));
  const turn = ++asked;
  if (!asks.models.length || (!asks.prompt && !asks.completion)) {
    out.replaceChildren(paragraph("note", "Write a prompt and a completion to see their tokens."));
    return;
  }
  const answer = await fetch("/api/v1/preview", {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(asks),
  });
  if (turn !== asked) return;
  const body = await answer.json();
  out.replaceChildren(...(answer.ok ? merged(body).map(block) : [paragraph("error", `${body.detail} ${body.remedy}`)]));
  show();
}

// Words that were typed where scripts were off are found in the completion; tokens are switched from here on.
function fromWords(words) {
  const found = [];
  for (let at = completion.value.indexOf(words); at >= 0; at = completion.value.indexOf(words, at + words.length)) found.push(`${at}-${at + words.length}`);
  stretches.value = found.join(" ");
}
const words = form.querySelector("#count");
if (words.value && !stretches.value) fromWords(words.value);
words.value = "";
form.querySelector("[data-typed-count]").hidden = true;
form.querySelector("[data-clicked-count]").hidden = false;
// What counted were places in the text that stood there before.
completion.addEventListener("input", () => {
  stretches.value = "";
});

// What it would take, and whether it is there already, as the server tells it for the form as it stands.
const outlook = document.getElementById("outlook");
let reckoned = 0;

async function reckon() {
  const turn = ++reckoned;
  const sent = new FormData(form);
  sent.delete("candidates_file");
  const answer = await fetch("/queries/new/outlook", { method: "POST", body: new URLSearchParams(sent) });
  if (turn !== reckoned || !answer.ok) return;
  const told = new DOMParser().parseFromString(await answer.text(), "text/html").body;
  if (told.innerHTML !== outlook.innerHTML) outlook.replaceChildren(...told.childNodes);
}

let unread = true;

// A token that is switched changes what is asked, not how it is read: the tokens stay, and the focus among them.
const soon = (event) => {
  if (!event || !out.contains(event.target)) unread = true;
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (unread) ask().catch(() => {});
    unread = false;
    reckon().catch(() => {});
  }, 250);
};
form.addEventListener("input", soon);
form.addEventListener("change", soon);
form.querySelector("[data-noscript-preview]")?.setAttribute("hidden", "");
soon();
