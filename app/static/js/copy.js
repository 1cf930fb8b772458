/* data-copy="text" (or the text of the element that data-copy-from names): a click puts it on the clipboard. */
const toast = document.getElementById("toast");
let timer;
export function say(text, milliseconds = 2500) {
  toast.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => {
    toast.textContent = "";
  }, milliseconds);
}
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (!button) return;
  const text = button.dataset.copy ?? document.getElementById(button.dataset.copyFrom)?.textContent ?? "";
  try {
    await navigator.clipboard.writeText(text);
    say(toast.dataset.copied);
  } catch {
    // no permission: mark the text, so that Ctrl+C takes it
    const source = button.parentElement;
    getSelection().selectAllChildren(source);
  }
});
