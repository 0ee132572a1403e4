// Saved views of the orders: names of addresses, kept in this browser. A menu closes when it is left.
"use strict";

(() => {
  const english = document.documentElement.lang === "en";
  const say = (spanish, inEnglish) => (english ? inEnglish : spanish);
  const KEY = "axon-vistas";
  const nav = document.getElementById("vistas");
  const save = document.getElementById("guardar-vista");
  const dialog = document.getElementById("vista-nueva");

  const read = () => { try { const kept = JSON.parse(localStorage.getItem(KEY)); return Array.isArray(kept) ? kept : []; } catch { return []; } };
  const write = (views) => { try { localStorage.setItem(KEY, JSON.stringify(views.slice(0, 12))); } catch { /* not kept */ } draw(); };
  const here = () => { const asked = new URLSearchParams(location.search); asked.delete("columna"); asked.delete("pagina"); return asked.toString(); };

  function draw() {
    for (const old of nav.querySelectorAll(".saved")) old.remove();
    for (const view of read()) {
      if (typeof view?.name !== "string" || typeof view.query !== "string") continue;
      const one = document.createElement("span");
      one.className = "saved";
      const link = document.createElement("a");
      link.className = "tab";
      link.href = `/app/ordenes?${new URLSearchParams(view.query)}`;
      link.textContent = view.name;
      if (new URLSearchParams(view.query).toString() === here()) {
        for (const other of nav.querySelectorAll("[aria-current]")) other.removeAttribute("aria-current");
        link.setAttribute("aria-current", "page");
      }
      const drop = document.createElement("button");
      drop.type = "button";
      drop.className = "tab";
      drop.textContent = "×";
      drop.setAttribute("aria-label", say(`Olvidar la vista ${view.name}`, `Forget the view ${view.name}`));
      drop.addEventListener("click", () => write(read().filter((kept) => kept.name !== view.name)));
      one.append(link, drop);
      nav.insertBefore(one, save);
    }
  }
  if (nav) {
    save.hidden = false;
    save.addEventListener("click", () => dialog.showModal());
    dialog.addEventListener("close", () => {
      const name = document.getElementById("vista-nombre").value.trim();
      if (dialog.returnValue === "ok" && name) write([...read().filter((kept) => kept.name !== name), { name, query: here() }]);
    });
    draw();
  }

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
  });

  // How many rows of the table are chosen.
  const bulk = document.getElementById("elegidas");
  const boxes = () => [...document.querySelectorAll("input[name=orden_id]")];
  function count() {
    const chosen = boxes().filter((box) => box.checked).length;
    bulk.querySelector("[data-count]").textContent = chosen === 1 ? say("1 elegida", "1 chosen") : say(`${chosen} elegidas`, `${chosen} chosen`);
    bulk.classList.toggle("empty", chosen === 0);
    const all = document.getElementById("todas");
    all.hidden = false;
    all.checked = chosen > 0 && chosen === boxes().length;
    all.indeterminate = chosen > 0 && chosen < boxes().length;
  }
  if (bulk) {
    document.addEventListener("change", ({ target }) => {
      if (target.id === "todas") for (const box of boxes()) box.checked = target.checked;
      if (target.id === "todas" || target.name === "orden_id") count();
    });
    document.addEventListener("htmx:after:swap", () => { if (document.getElementById("todas")) count(); });
    bulk.querySelector("[data-none]").addEventListener("click", () => { for (const box of boxes()) box.checked = false; count(); });
    count();
  }
})();
