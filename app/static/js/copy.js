/* data-copy="text": a click puts it on the clipboard. */
const toast = document.getElementById("toast");
let timer;
export function say(text, milliseconds = 2500) {
  toast.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => {
    toast.textContent = "";
  }, milliseconds);
}
/* A button beside every live code, made when the order is opened: the server need not draw a thousand of them. */
function offer(within) {
  for (const code of within.querySelectorAll(".codes .code > [data-license-id]:not(del)")) {
    if (code.parentElement.querySelector("[data-copy]")) continue;
    const button = document.createElement("button");
    button.className = "iconbtn";
    button.type = "button";
    button.dataset.made = "";
    button.dataset.copy = code.textContent;
    const number = code.closest("li")?.querySelector(".no")?.textContent ?? "";
    button.setAttribute("aria-label", `${toast.dataset.label} ${number}`.trim());
    button.innerHTML = '<svg class="ico" aria-hidden="true"><use href="#i-copy"/></svg>';
    code.after(button);
  }
}
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("details.l2") && event.target.open) offer(event.target);
}, true);
document.addEventListener("fresh", (event) => offer(event.target)); // poll.js has drawn it anew
for (const place of document.querySelectorAll(".o:not(:has(details.l2)), details.l2[open], .customer-page")) offer(place);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const text = button.dataset.copy;
  try {
    await navigator.clipboard.writeText(text);
    say(toast.dataset.copied);
  } catch {
    // no permission: mark the text, so that Ctrl+C takes it
    const source = button.parentElement;
    getSelection().selectAllChildren(source);
  }
});
