/* The theme button: the page changes at once and the choice is kept with the person, in the background. */
const root = document.documentElement;
const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
for (const button of document.querySelectorAll("[data-theme-switch]")) {
  button.form.addEventListener("submit", (event) => {
    event.preventDefault();
    const theme = dark() ? "light" : "dark";
    root.dataset.theme = theme;
    const body = new FormData(button.form);
    body.set("theme", theme);
    fetch(button.form.action, { method: "POST", body, redirect: "manual" }).catch(() => {});
  });
}
