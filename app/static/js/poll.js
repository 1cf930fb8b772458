/* data-poll="/address": the element is replaced by what the address answers, every 1 to 10 s (slower each time),
   until the answer has no data-poll any more, or holds what data-poll-until selects. A hidden tab waits. Focus,
   open <details> (by id) and what is being typed survive. */
const FIRST = 1000;
const SLOWEST = 10000;
const toast = document.getElementById("toast");

function busy(element) {
  const active = document.activeElement;
  return element.querySelector("dialog[open]") || (element.contains(active) && active.matches("textarea, input:not([type=hidden]), select"));
}

function swap(element, html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  const fresh = template.content.firstElementChild;
  if (!fresh) return element;
  if (fresh.isEqualNode(element)) return element;
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  const opened = [...element.querySelectorAll("details[open][id]")].map((details) => details.id);
  element.replaceWith(fresh);
  for (const id of opened) {
    const details = document.getElementById(id);
    if (details) details.open = true;
  }
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
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
      if (answer.status === 401 || answer.status === 403 || answer.status === 404 || answer.redirected) return;
      if (!answer.ok) throw new Error(String(answer.status));
      const html = await answer.text();
      delete element.dataset.polling;
      next = swap(element, html);
      if (toast.textContent === toast.dataset.offline) toast.textContent = "";
    } catch {
      toast.textContent = toast.dataset.offline;
    }
    const until = next.dataset.pollUntil;
    const reached = until && (next.matches(until) || next.querySelector(until));
    if (next.dataset.poll && !reached) poll(next, Math.min(wait * 1.4, SLOWEST));
    start(next);
  }, wait);
}

function start(within) {
  for (const element of within.querySelectorAll("[data-poll]:not([data-polling])")) poll(element);
}
start(document);
// blocks that come later (an order opened in place) may hold something to poll
new MutationObserver((changes) => {
  for (const change of changes) {
    for (const node of change.addedNodes) {
      if (!(node instanceof Element)) continue;
      if (node.matches("[data-poll]:not([data-polling])")) poll(node);
      start(node);
    }
  }
}).observe(document.body, { childList: true, subtree: true });
