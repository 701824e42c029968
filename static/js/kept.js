// Forms that change a part of the page, in place: the page is sent for, and the part that has that id is taken from it.
// And a button that copies this view's address.
async function send(form, submitter) {
  const sent = new URLSearchParams(new FormData(form, submitter));
  const answer = await fetch(form.action, { method: "POST", body: sent, headers: { accept: "text/html" } });
  const found = new DOMParser().parseFromString(await answer.text(), "text/html");
  const id = form.dataset.inPlace;
  const fresh = found.getElementById(id);
  const old = document.getElementById(id);
  if (!fresh || !old || !answer.ok) {
    tell(form, found.querySelector("main .error, main h1")?.textContent ?? "It could not be saved.");
    return;
  }
  const index = [...old.querySelectorAll("details.menu")].indexOf(form.closest("details.menu"));
  const label = submitter?.getAttribute("aria-label");
  old.replaceWith(document.adoptNode(fresh));
  copyable(fresh);
  const menu = fresh.querySelectorAll("details.menu")[index];
  const same = label && [...fresh.querySelectorAll("button[aria-label]")].find((one) => one.ariaLabel === label);
  (same || menu?.querySelector("summary") || fresh.querySelector("button, summary"))?.focus();
}

function tell(form, text) {
  const said = form.querySelector("[data-said]") ?? form.appendChild(document.createElement("p"));
  said.dataset.said = "";
  said.className = "error";
  said.setAttribute("role", "alert");
  said.textContent = text.trim();
}

// A page that the browser shows again from its store may lack what was changed in place since.
const stored = new Map([...document.querySelectorAll("form[data-in-place]")].map((form) => {
  const id = form.dataset.inPlace;
  return [id, document.getElementById(id)?.outerHTML];
}));

async function renew() {
  if (!stored.size) return;
  const answer = await fetch(location.href, { cache: "no-cache", headers: { accept: "text/html" } });
  const found = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const [id, before] of stored) {
    const [fresh, old] = [found.getElementById(id), document.getElementById(id)];
    if (!fresh || !old || fresh.outerHTML === before) continue;
    old.replaceWith(document.adoptNode(fresh));
    copyable(fresh);
  }
}
if (performance.getEntriesByType("navigation")[0]?.type === "back_forward") renew().catch(() => {});

addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset?.inPlace) return;
  event.preventDefault();
  send(form, event.submitter).catch(() => tell(form, "The server does not answer. Try again."));
});

// An open menu closes with Escape, and when something outside it is clicked.
addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.activeElement?.closest?.("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Without a secure address browsers give no clipboard: the old way still works.
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

function copyable(part) {
  for (const button of part.querySelectorAll("[data-copy-link], [data-copy]")) button.hidden = false;
}

addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy-link], [data-copy]");
  if (!button) return;
  const from = button.dataset.copy && document.getElementById(button.dataset.copy);
  const was = button.dataset.was ?? button.textContent;
  button.dataset.was = was;
  try {
    await copy(from ? from.textContent : location.href);
    button.textContent = "Copied";
  } catch {
    button.textContent = "It could not be copied";
  }
  setTimeout(() => (button.textContent = was), 1600);
});
copyable(document);
