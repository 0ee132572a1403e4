// What the desk does beyond links and forms: keys, the palette, and what changes by itself.
// Nothing depends on it: without scripts each page is read, and each act done, as it stands.
"use strict";

(() => {
  const html = document.documentElement;
  const english = html.lang === "en";
  const say = (spanish, inEnglish) => (english ? inEnglish : spanish);

  // Times: the server writes them in this browser's zone once it knows it.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && html.dataset.zone !== zone && !document.cookie.includes("axon-zona=")) {
    document.cookie = `axon-zona=${zone}; path=/; max-age=31536000; samesite=lax`;
    location.reload();
    return;
  }

  const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const store = (name, value) => { try { localStorage.setItem(name, value); } catch { /* not kept */ } };

  // Keys.
  const isTyping = (target) => target.closest("input, textarea, select, [contenteditable], dialog[open]");
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const open = (id) => {
    const dialog = document.getElementById(id);
    if (dialog && !dialog.open) dialog.showModal();
    if (id === "palette") refill("");
  };
  const step = (by) => {
    const all = rows();
    if (!all.length) return;
    const now = all.findIndex((row) => row.contains(document.activeElement));
    const next = all[Math.min(all.length - 1, Math.max(0, now < 0 ? 0 : now + by))];
    const link = next.matches("a, button") ? next : next.querySelector("a[href]");
    link?.focus();
    next.scrollIntoView({ block: "nearest" });
  };
  const press = (selector) => document.querySelector(selector)?.click();
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (stored("axon-teclas") === "no") return;
    const key = event.key.toLowerCase();
    const wasGoing = Date.now() - going < 1200;
    going = 0;
    if (wasGoing) press(`.side [data-key="${CSS.escape(key)}"]`);
    else if (key === "g") going = Date.now();
    else if (key === "/") open("palette");
    else if (key === "?") open("help");
    else if (key === "j") step(1);
    else if (key === "k") step(-1);
    else if (key === "n") press('.side [data-key="n"]');
    else if (key === "x") document.activeElement.closest("[data-row]")?.querySelector("input[type=checkbox]")?.click();
    else if ("aepr".includes(key)) press(`[data-act-key="${key}"]`);
    else return;
    event.preventDefault();
  });
  const keysOff = document.getElementById("keys-off");
  if (keysOff) {
    keysOff.checked = stored("axon-teclas") === "no";
    keysOff.addEventListener("change", () => store("axon-teclas", keysOff.checked ? "no" : "si"));
  }

  // The palette: pages by name, and orders by what is typed.
  const palette = document.getElementById("palette");
  const input = palette?.querySelector("input");
  const list = palette?.querySelector("ul");
  let chosen = 0;
  const pages = () => [...document.querySelectorAll(".side .to")].map((link) => ({ href: link.href, text: link.querySelector(".word").textContent }));
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  function refill(text) {
    const found = pages().filter((page) => plain(page.text).includes(plain(text)));
    const wanted = text.trim();
    if (wanted) found.push({ href: `/app/ordenes?vista=tabla&q=${encodeURIComponent(wanted)}`, text: say(`Buscar «${wanted}» en las órdenes`, `Search the orders for “${wanted}”`) });
    if (/^ord-\d{4}-\d+$/i.test(wanted)) found.unshift({ href: `/app/ordenes/${wanted.toUpperCase()}`, text: wanted.toUpperCase() });
    chosen = 0;
    list.replaceChildren(...found.map((one, index) => {
      const item = document.createElement("li");
      item.id = `palette-${index}`;
      item.setAttribute("role", "option");
      item.dataset.href = one.href;
      item.textContent = one.text;
      return item;
    }));
    mark();
  }
  function mark() {
    [...list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === chosen)));
    input.setAttribute("aria-activedescendant", list.children[chosen]?.id ?? "");
  }
  const go = (item) => { if (item) location.assign(item.dataset.href); };
  if (palette) {
    for (const button of document.querySelectorAll("[data-opens]")) {
      button.hidden = false;
      button.addEventListener("click", () => open(button.dataset.opens));
    }
    input.addEventListener("input", () => refill(input.value));
    input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        chosen = (chosen + (event.key === "ArrowDown" ? 1 : -1) + list.children.length) % Math.max(1, list.children.length);
        mark();
      } else if (event.key === "Enter") go(list.children[chosen]);
      else return;
      event.preventDefault();
    });
    list.addEventListener("click", (event) => go(event.target.closest("[role=option]")));
  }

  // A form is sent once, and says that it was.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (event.defaultPrevented || !button || event.target.method === "dialog") return;
    setTimeout(() => { button.disabled = true; button.setAttribute("aria-busy", "true"); }, 0);
  });
  addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("button[aria-busy]")) { button.disabled = false; button.removeAttribute("aria-busy"); }
  });

  // Of tabs that do not all fit, the one that is open is in sight.
  document.querySelector(".order-tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  // Text to the clipboard: a button names the element that holds it.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copies]");
    if (!button) return;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies)?.textContent.trim() ?? button.dataset.text);
    document.getElementById("announcer").textContent = say("Copiado", "Copied");
  });

  // What changes by itself. A part with data-live="…" is read anew when an order that it shows has
  // changed. While somebody points at it or types in it, nothing moves: a strip offers the news.
  const parts = () => [...document.querySelectorAll("[data-live]")];
  const light = document.querySelector(".live");
  const waiting = new Map();
  const isBusy = (part) => part.matches(":hover") || part.contains(document.activeElement);
  function refresh(part) {
    waiting.delete(part);
    part.querySelector(":scope > .fresh")?.remove();
    htmx.ajax("GET", part.dataset.live || location.href, { source: part, target: `#${part.id}`, select: `#${part.id}`, swap: "outerMorph" });
  }
  function changed(orderId) {
    for (const part of parts()) {
      if (part.dataset.order && orderId && part.dataset.order !== orderId) continue;
      const news = (waiting.get(part) ?? new Set()).add(orderId);
      waiting.set(part, news);
    }
    soon();
  }
  // At most every two seconds, however much changes: what a page reads counts as its person's reads.
  let rested = 0;
  function soon() {
    clearTimeout(soon.timer);
    soon.timer = setTimeout(settle, Math.max(250, rested - Date.now()));
  }
  function settle() {
    if (document.hidden) return;
    if (Date.now() < rested) { soon(); return; }
    if (waiting.size) rested = Date.now() + 2000;
    for (const [part, news] of waiting) {
      if (!part.isConnected) waiting.delete(part);
      else if (!isBusy(part)) refresh(part);
      else offer(part, news.size);
    }
  }
  function offer(part, count) {
    let strip = part.querySelector(":scope > .fresh");
    if (!strip) {
      strip = document.createElement("button");
      strip.type = "button";
      strip.className = "fresh";
      strip.addEventListener("click", () => refresh(part));
      part.prepend(strip);
    }
    strip.textContent = say(count === 1 ? "1 cambio · Mostrar" : `${count} cambios · Mostrar`, count === 1 ? "1 change · Show" : `${count} changes · Show`);
  }
  document.addEventListener("pointerout", soon);
  document.addEventListener("visibilitychange", soon);

  let pause = 500;
  let cursor = null;
  function connect() {
    if (!parts().length || !("WebSocket" in window)) return;
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/orders`);
    const orders = new Set(parts().map((part) => part.dataset.order).filter(Boolean));
    const all = parts().some((part) => !part.dataset.order);
    socket.addEventListener("message", ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "auth_ok") {
        pause = 500;
        if (light) light.dataset.state = "on";
        const from = cursor === null ? {} : { desde: cursor };
        if (all) socket.send(JSON.stringify({ type: "subscribe", filtros: {}, ...from }));
        else for (const id of orders) socket.send(JSON.stringify({ type: "subscribe", order_id: id }));
      } else if (message.type === "order_update") {
        cursor = message.cursor ?? cursor;
        changed(message.order_id);
      } else if (message.type === "resync") changed(null);
    });
    socket.addEventListener("close", () => {
      if (light) light.dataset.state = "off";
      setTimeout(connect, pause + Math.random() * pause);
      pause = Math.min(pause * 2, 30000);
    });
  }
  connect();
})();
