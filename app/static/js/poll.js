/* data-poll="/address": the element is replaced by what the address answers, every 1 to 10 s (slower each time),
   until the answer has no data-poll any more. A hidden tab waits. Focus,
   open <details> (by id) and what is being typed survive. How an action's state changes is said aloud. */
import { say } from "./copy.js";
const FIRST = 1000;
const SLOWEST = 10000;
const toast = document.getElementById("toast");

function busy(element) {
  const active = document.activeElement;
  return element.querySelector("dialog[open]") || (element.contains(active) && active.matches("textarea, input:not([type=hidden]), select"));
}

/* The element as the server wrote it: without what a script has added. */
function asSent(element) {
  const copy = element.cloneNode(true);
  for (const made of copy.querySelectorAll("[data-made]")) made.remove();
  return copy;
}

/* What finds an element again in a fresh copy of its surroundings. */
function mark(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  for (const name of ["value", "href", "data-copy"]) {
    const value = element.getAttribute(name);
    if (value) return `${element.localName}[${name}="${CSS.escape(value)}"]`;
  }
  return "";
}

/* What has become of actions since the page was drawn: a line for each that is new or in another state. */
function news(before, fresh) {
  const key = (line) => `${line.dataset.actionId} ${line.dataset.actionState}`;
  const known = new Set([...before.querySelectorAll("[data-action-state]")].map(key));
  return [...fresh.querySelectorAll("[data-action-state]")]
    .filter((line) => !known.has(key(line)))
    .map((line) => [...line.querySelectorAll("span")].map((part) => part.textContent).join(". "));
}

function swap(element, html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  const fresh = template.content.firstElementChild;
  if (!fresh) return element;
  if (fresh.isEqualNode(asSent(element))) return element;
  const focused = element.contains(document.activeElement) ? mark(document.activeElement) : "";
  const opened = [...element.querySelectorAll("details[open][id]")].map((details) => details.id);
  // Questions that were drawn with the old state may name what is no longer so (a recipient, a tick): their buttons
  // are links to the page with the question as it is now.
  for (const dialog of document.querySelectorAll('dialog[id^="ask-"]:not([open])')) dialog.remove();
  const changed = news(element, fresh);
  element.replaceWith(fresh);
  if (changed.length) say(changed.join("; "), 6000);
  for (const id of opened) {
    const details = document.getElementById(id);
    if (details) details.open = true;
  }
  fresh.dispatchEvent(new CustomEvent("fresh", { bubbles: true }));
  if (focused) (fresh.matches(focused) ? fresh : fresh.querySelector(focused))?.focus({ preventScroll: true });
  return fresh;
}

function poll(element, wait = FIRST) {
  element.dataset.polling = "1";
  const original = element.dataset.poll;
  setTimeout(async () => {
    if (!element.isConnected) return;
    if (document.hidden || busy(element)) {
      poll(element, wait);
      return;
    }
    let next = element;
    try {
      const answer = await fetch(original, { headers: { Accept: "text/html", "X-Partial": "1" } });
      if (answer.status === 401 || answer.status === 403 || answer.status === 404 || answer.redirected) {
        toast.textContent = toast.dataset.stopped; // signed out, or no longer for this person
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const html = await answer.text();
      delete element.dataset.polling;
      next = swap(element, html);
      if (toast.textContent === toast.dataset.offline) toast.textContent = "";
    } catch {
      toast.textContent = toast.dataset.offline;
    }
    if (next.dataset.poll) poll(next, Math.min(wait * 1.4, SLOWEST));
    start(next);
  }, wait);
}

function start(within) {
  for (const element of within.querySelectorAll("[data-poll]:not([data-polling])")) poll(element);
}
start(document);
