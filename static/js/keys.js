// Keys of a page: whoever uses one binds it here, so that none is bound twice and one list, opened by "?", tells them all.
const bound = new Map();
const NAMES = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc", " ": "Space" };
const FIELDS = "input, textarea, select, [contenteditable]";
let dialog = null;

// `list` of {key, does, run, when}: what `event.key` is to be, what the key does in a few words, what is called, and,
// where it is not always, a function of the event that says whether the key is meant. Entries without `run` are told only.
export function bind(list) {
  for (const entry of list) {
    const known = bound.get(entry.key);
    bound.set(entry.key, known && known.does !== entry.does ? { ...entry, also: known } : entry);
  }
}

function typing(event) {
  return event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.isComposing || event.target.closest?.(FIELDS);
}

function pressed(event) {
  if (typing(event) || document.querySelector("dialog[open]")) return;
  for (let entry = bound.get(event.key); entry; entry = entry.also) {
    if (!entry.run || (entry.when && !entry.when(event))) continue;
    event.preventDefault();
    entry.run(event);
    return;
  }
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// Keys that do the same stand on one line.
function lines() {
  const told = new Map();
  for (let entry of bound.values()) {
    for (; entry; entry = entry.also) told.set(entry.does, [...(told.get(entry.does) ?? []), NAMES[entry.key] ?? entry.key]);
  }
  return [...told].map(([does, keys]) => {
    const line = element("div");
    const names = element("dt");
    for (const key of keys) names.append(element("kbd", key), " ");
    line.append(names, element("dd", does));
    return line;
  });
}

function made() {
  const box = element("dialog", "", "key-list");
  box.setAttribute("aria-labelledby", "keys-title");
  const title = element("h2", "Keyboard");
  title.id = "keys-title";
  const close = element("button", "Close", "button");
  close.type = "button";
  close.addEventListener("click", () => box.close());
  // A click beside the list hits the dialog itself.
  box.addEventListener("click", (event) => event.target === box && box.close());
  box.append(title, element("dl"), close);
  document.body.append(box);
  return box;
}

export function help() {
  dialog ??= made();
  dialog.querySelector("dl").replaceChildren(...lines());
  dialog.showModal();
}

// An address followed by a key, where the page has a link to it.
export function follow(selector) {
  return () => document.querySelector(selector)?.click();
}

bind([{ key: "?", does: "this list", run: help }]);
document.addEventListener("keydown", pressed);
const opener = document.querySelector("[data-keys]");
if (opener) {
  opener.hidden = false;
  opener.addEventListener("click", help);
}
