/* data-dialog="ID" (or <a href="#ID" data-dialog>) opens <dialog id="ID">; data-close inside closes it.
   Focus goes back to the opener, and an address that asked for the dialog (?ask=) no longer does. */
export function openDialog(id, opener) {
  const dialog = document.getElementById(id);
  if (!(dialog instanceof HTMLDialogElement) || dialog.open) return false;
  dialog.showModal();
  const first = dialog.querySelector("[autofocus], textarea, input:not([type=hidden])");
  first?.focus();
  // poll.js may have drawn the opener anew in the meantime
  const back = () => {
    (opener?.isConnected ? opener : document.querySelector(`[data-dialog="${CSS.escape(id)}"]`))?.focus();
    const address = new URL(location);
    if (!address.searchParams.has("ask")) return;
    address.searchParams.delete("ask");
    history.replaceState(history.state, "", address);
  };
  dialog.addEventListener("close", back, { once: true });
  return true;
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    const id = opener.dataset.dialog || opener.getAttribute("href")?.slice(1);
    if (openDialog(id, opener)) event.preventDefault();
    return;
  }
  const closer = event.target.closest("dialog [data-close]");
  if (closer) {
    event.preventDefault();
    closer.closest("dialog").close();
    return;
  }
  // a click on the backdrop hits the dialog itself, outside its box
  if (event.target instanceof HTMLDialogElement && event.target.open) {
    const box = event.target.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    const typed = [...event.target.querySelectorAll("textarea")].some((field) => field.value.trim());
    if (!inside && !typed) event.target.close();
  }
});

// a link that looks like a button answers to the space bar as one
document.addEventListener("keydown", (event) => {
  if (event.key === " " && event.target.matches?.("a[role=button]")) {
    event.preventDefault();
    event.target.click();
  }
});

// a dialog the server opened (asked for by the address, or an answer with an error in it): make it modal
for (const dialog of document.querySelectorAll("dialog[open][data-modal]")) {
  dialog.removeAttribute("open"); // and not close(): its event would come when the dialog is open again
  openDialog(dialog.id);
  dialog.querySelector("[aria-invalid=true]")?.focus();
}
// the address names a dialog (a link opened before the script ran)
if (location.hash.length > 1) openDialog(decodeURIComponent(location.hash.slice(1)));
