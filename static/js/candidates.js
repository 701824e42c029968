// Candidates that are written or chosen are meant to be scored: the scope follows.
const choice = document.querySelector("[data-candidates]");
choice?.addEventListener("input", () => {
  document.querySelector("input[name=scope][value=candidates]").checked = true;
});
