/* The list of orders and the way back to it: "Open all", the search form folded on a phone. */
for (const button of document.querySelectorAll("[data-open-all]")) {
  button.addEventListener("click", () => {
    const all = [...document.querySelectorAll("details.l2")];
    const opening = all.some((details) => !details.open);
    for (const details of all) details.open = opening;
    const text = button.textContent;
    if (button.dataset.other) {
      if ((button.dataset.state === "open") !== opening) {
        button.textContent = button.dataset.other;
        button.dataset.other = text;
      }
      button.dataset.state = opening ? "open" : "";
    }
  });
}

// An order's page leads back to the list it was opened from, filters and page included (this tab only).
try {
  if (location.pathname === "/orders/" && document.getElementById("findform")) {
    sessionStorage.setItem("list", location.pathname + location.search);
  }
  for (const link of document.querySelectorAll("a[data-last-list]")) {
    link.href = sessionStorage.getItem("list") ?? link.href;
  }
} catch {
  // storage is forbidden: the link leads to the newest orders
}

const find = document.querySelector("details.find");
if (find) {
  const narrow = matchMedia("(max-width: 640px)");
  const fold = () => {
    find.open = !narrow.matches || find.querySelector("[aria-invalid=true]") !== null;
  };
  fold();
  find.dataset.ready = "";
  narrow.addEventListener("change", fold);
}
