// The draft of a new order stays in this browser until it is placed; a file is read into the form.
"use strict";

(() => {
  const form = document.getElementById("orden");
  if (!form) return;
  const english = document.documentElement.lang === "en";
  const say = (spanish, inEnglish) => (english ? inEnglish : spanish);
  const KEY = "axon-borrador-orden";
  const OWN = new Set(["_ficha", "_clave", "_hacer"]);
  const hour = (at) => new Date(at).toLocaleTimeString(document.documentElement.lang, { hour: "numeric", minute: "2-digit" });
  const state = document.getElementById("draft-state");

  const read = () => { try { return JSON.parse(localStorage.getItem(KEY)); } catch { return null; } };
  const drop = () => { try { localStorage.removeItem(KEY); } catch { /* there is none */ } };
  function save() {
    const fields = [...new FormData(form)].filter(([name, value]) => !OWN.has(name) && typeof value === "string");
    try {
      localStorage.setItem(KEY, JSON.stringify({ at: Date.now(), fields }));
      state.textContent = say(`Borrador guardado a las ${hour(Date.now())}`, `Draft kept at ${hour(Date.now())}`);
    } catch { state.textContent = say("Este navegador no guarda borradores", "This browser keeps no drafts"); }
  }

  const offer = document.getElementById("draft-offer");
  const draft = read();
  if (!("fresh" in form.dataset)) save();
  else if (draft?.fields?.some(([name, value]) => value && name !== "tipo_producto" && name !== "prioridad" && !name.endsWith(".idioma"))) {
    offer.querySelector("[data-when]").textContent = new Date(draft.at).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
    offer.hidden = false;
  }
  offer.addEventListener("click", (event) => {
    const wanted = event.target.closest("[data-draft]")?.dataset.draft;
    if (wanted === "drop") { drop(); offer.hidden = true; }
    if (wanted !== "restore") return;
    const again = document.createElement("form");
    again.method = "post";
    again.action = form.getAttribute("action");
    const put = (name, value) => {
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name, value });
      again.append(field);
    };
    for (const [name, value] of draft.fields) put(name, value);
    put("_ficha", form.elements._ficha.value);
    put("_hacer", "revisar");
    document.body.append(again);
    again.submit();
  });
  let soon = 0;
  form.addEventListener("input", () => { clearTimeout(soon); soon = setTimeout(save, 400); });
  form.addEventListener("submit", (event) => { if (event.submitter?.value === "crear") { clearTimeout(soon); drop(); } });
  // The button stands beside the form: its press is the form's too.
  document.addEventListener("htmx:after:swap", () => {
    for (const under of form.querySelectorAll(".under")) {
      for (const field of form.querySelectorAll(`[aria-describedby="${under.id}"]`)) {
        if (under.querySelector(".err")) field.setAttribute("aria-invalid", "true");
        else field.removeAttribute("aria-invalid");
      }
    }
  });

  for (const pick of document.querySelectorAll("[data-picks]")) {
    pick.hidden = false;
    pick.querySelector("input").addEventListener("change", async ({ target }) => {
      const [file] = target.files;
      if (file) document.getElementById(pick.dataset.picks).value = await file.text();
    });
  }
})();
