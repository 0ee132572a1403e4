// What the client's page does beyond links and forms: it copies, and it keeps itself up to date.
// Nothing depends on it.
"use strict";

(() => {
  const html = document.documentElement;
  const say = (spanish, english) => (html.lang === "en" ? english : spanish);

  // Times: the server writes them in this browser's zone once it knows it.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const isNewZone = zone && html.dataset.zone !== zone && !document.cookie.includes("axon-zona=");
  if (isNewZone) document.cookie = `axon-zona=${zone}; path=/; max-age=31536000; samesite=lax`;

  // Without TLS a browser has no clipboard, and the buttons stay hidden.
  const offerCopies = () => {
    for (const button of document.querySelectorAll("[data-copies]")) button.hidden = !navigator.clipboard;
  };
  offerCopies();
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copies]");
    if (!button) return;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent.trim());
    document.getElementById("announcer").textContent = say("Copiado", "Copied");
    button.setAttribute("aria-pressed", "true");
  });

  // Every half minute while somebody looks, unless they write or read something opened.
  const main = document.querySelector("main[data-live]");
  if (!main) return;
  let isTouched = false;
  main.addEventListener("input", () => { isTouched = true; });
  async function refresh() {
    if (document.hidden || isTouched || main.contains(document.activeElement) || main.querySelector("details[open]")) return;
    const answer = await fetch(main.dataset.live, { cache: "no-store" }).catch(() => null);
    if (!answer?.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("main[data-live]");
    if (!fresh || isTouched || fresh.innerHTML === main.innerHTML) return;
    main.replaceChildren(...fresh.childNodes);
    offerCopies();
    document.title = page.title;
  }
  setInterval(refresh, 30000);
  if (isNewZone) refresh();
})();
