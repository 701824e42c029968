// A check that waits or is under way shows how far it is; once it ends the page is read again where it stands.
import { follow } from "./events.js";

const words = JSON.parse(document.getElementById("stages").textContent);
const boxes = new Map([...document.querySelectorAll("[data-check]")].map((box) => [box.dataset.check, box]));
const { checks, version } = document.querySelector("[data-checks]").dataset;

function going(state, check) {
  const box = boxes.get(check.check);
  if (!box) return;
  const bar = box.querySelector(":scope > .under-way progress");
  if (bar && check.total) {
    bar.max = check.total;
    bar.value = check.done;
  }
  const said = box.querySelector(":scope > .under-way [data-words]");
  if (said) said.textContent = state === "queued" ? words.waiting : (words[check.stage] ?? check.stage);
}

function ended(state, check) {
  const box = boxes.get(check.check);
  if (box && box.dataset.state !== state) location.reload();
}

const acts = { queued: going, running: going, done: ended, failed: ended, cancelled: ended };

async function look() {
  const answer = await fetch(checks, { headers: { accept: "application/json" } });
  if (!answer.ok) return;
  for (const check of await answer.json()) acts[check.state](check.state, { ...check, check: check.id });
}

follow(`${checks}/events`, version, acts, { look });
