// A page of states (status, a batch) renews itself in place, until it is over: only what changed is put in, so that nothing flickers and no link is lost
// under the pointer or the keyboard.
const SECONDS = 3;
const inner = document.querySelector("[data-status]");

// Makes one tree like another, node by node; what is alike stays as it is.
function like(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  const same = old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName;
  if (!same) {
    old.replaceWith(fresh.cloneNode(true));
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const wanted = [...fresh.childNodes];
  [...old.childNodes].slice(wanted.length).forEach((child) => child.remove());
  wanted.forEach((child, place) => {
    const there = old.childNodes[place];
    if (there) like(there, child);
    else old.append(child.cloneNode(true));
  });
}

async function renew() {
  const answer = await fetch(location.pathname + location.search, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  like(inner, page.querySelector("[data-status]"));
  like(document.querySelector(".state-line"), page.querySelector(".state-line"));
}

const timer = setInterval(() => {
  if ("over" in inner.dataset) clearInterval(timer);
  else if (!document.hidden) renew().catch(() => {});
}, SECONDS * 1000);
