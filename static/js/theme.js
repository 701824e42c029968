// Loaded before the first paint, so that a chosen theme or palette never flashes.
try {
  const chosen = localStorage.getItem("theme");
  const { dataset } = document.documentElement;
  if (chosen === "light" || chosen === "dark") dataset.theme = chosen;
  // An address that names the colours of the two signs is remembered; others follow what was chosen last.
  if (dataset.palette) localStorage.setItem("palette", dataset.palette);
  else if (localStorage.getItem("palette") === "paper") dataset.palette = "paper";
} catch {
  // Storage may be forbidden; the system's theme is then used.
}
document.documentElement.classList.add("js");
