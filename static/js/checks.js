// A check that waits or is under way shows how far it is; once it ends the page is read again where it stands.
const EVERY = 1000;
const words = JSON.parse(document.getElementById("stages").textContent);

function told(box, check) {
  const bar = box.querySelector("progress");
  if (bar && check.total) {
    bar.max = check.total;
    bar.value = check.done;
  }
  const said = box.querySelector("[data-words]");
  if (said) said.textContent = check.state === "queued" ? words.waiting : (words[check.stage] ?? check.stage);
}

async function look(box) {
  if (document.hidden) return;
  const answer = await fetch(`/api/v1/checks/${encodeURIComponent(box.dataset.check)}`, { headers: { accept: "application/json" } });
  if (!answer.ok) return;
  const check = await answer.json();
  if (check.state === "queued" || check.state === "running") told(box, check);
  else if (check.state !== box.dataset.state) location.reload();
}

const open = [...document.querySelectorAll("[data-check]")].filter((box) => box.dataset.state === "queued" || box.dataset.state === "running");
if (open.length) setInterval(() => open.forEach((box) => look(box).catch(() => {})), EVERY);
