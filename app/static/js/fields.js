/* Fields: the native calendar opens on a click; counters count what the server counts; a form is sent once. */
document.addEventListener("click", (event) => {
  const field = event.target;
  if (field instanceof HTMLInputElement && field.type === "date" && !field.readOnly && !field.disabled) {
    try {
      field.showPicker();
    } catch {
      // no picker in this browser, or it is open already: typing works
    }
  }
});

/** Unicode code points after trimming, a line end counted as one: the rule of domain.md 7, as app/domain/refunds.py has it. */
export const length = (text) => {
  const kept = text.replace(/\r\n?/g, "\n").replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g, "");
  return [...kept.replace(/^[\s\x85]+|[\s\x85]+$/g, "")].length;
};

function count(field) {
  const most = Number(field.dataset.count);
  const now = length(field.value);
  for (const output of document.querySelectorAll(`output[for="${CSS.escape(field.id)}"]`)) {
    output.textContent = `${now} / ${most}`;
    output.classList.toggle("near", now >= most * 0.9 && now <= most);
    output.classList.toggle("over", now > most);
  }
}
document.addEventListener("input", (event) => {
  if (event.target.matches?.("[data-count]")) count(event.target);
});
export function countAll(within = document) {
  for (const field of within.querySelectorAll("[data-count]")) count(field);
}
countAll();

// One press is one submit; the server's request token is what really guards.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  setTimeout(() => delete form.dataset.sent, 8000);
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  countAll();
});

// The first field with an error gets the focus.
const wrong = document.querySelector("main [aria-invalid=true]");
if (wrong && !document.querySelector("dialog[open]")) wrong.focus();
