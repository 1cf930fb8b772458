/* Keys, when no field has the focus: / find, j k next and previous order, o open, r refund, ? this list. */
import { openDialog } from "./dialogs.js";

let at = -1;
const cards = () => [...document.querySelectorAll(".o")];
function go(to) {
  const all = cards();
  if (!all.length) return;
  at = Math.max(0, Math.min(all.length - 1, to));
  for (const card of document.querySelectorAll(".o.cur")) card.classList.remove("cur");
  const card = all[at];
  card.classList.add("cur");
  (card.querySelector("summary") ?? card.querySelector("a"))?.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
}
document.addEventListener("focusin", (event) => {
  const card = event.target.closest(".o");
  if (card) at = cards().indexOf(card);
});
const actions = {
  "/": () => {
    const field = document.querySelector("#findform [name=ids], .jump [name=ids]");
    if (!field) return;
    const form = field.closest("details");
    if (form) form.open = true;
    field.focus();
    field.select?.();
  },
  j: () => go(at + 1),
  k: () => go(at - 1),
  o: () => {
    const details = cards()[at]?.querySelector("details.l2");
    if (details) details.open = !details.open;
  },
  r: () => cards()[Math.max(at, 0)]?.querySelector("[data-refund]")?.click(),
  "?": () => openDialog("keys"),
};
/* With a layout that is not Latin (Russian: j is "о", / is ".") the same place on the keyboard does the same. */
function pressed(event) {
  if (actions[event.key]) return event.key;
  if (event.code === "Slash" && (event.key === "." || event.key === ",")) return event.shiftKey ? "?" : "/";
  const letter = /^Key([A-Z])$/.exec(event.code);
  return letter && !/^[a-z]$/i.test(event.key) ? letter[1].toLowerCase() : "";
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest?.("input, textarea, select, dialog, [contenteditable]")) return;
  const action = actions[pressed(event)];
  if (action) {
    event.preventDefault();
    action();
  }
});
