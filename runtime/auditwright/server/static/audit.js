// Makes the page quicker; everything works without it. What is shown stands in the URL and nowhere else.
const base = document.body.dataset.base;
const panel = document.getElementById("panel");
document.documentElement.classList.add("with-js");

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
// What a screen reader says of a change that is seen.
const say = (text) => { document.getElementById("said").textContent = text; };
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// --- waiting ------------------------------------------------------------------------------------
const progress = document.querySelector(".progress");
const waiting = (on) => { progress.hidden = !on; };
addEventListener("pageshow", () => waiting(false));
addEventListener("submit", (event) => { if (event.target.method === "get") waiting(true); });
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const elsewhere = event.metaKey || event.ctrlKey || event.shiftKey || event.button;
  if (link && !elsewhere && !event.defaultPrevented && !link.hash) waiting(true);
});
for (const select of document.querySelectorAll("select[data-submit]"))
  select.addEventListener("change", () => select.form.requestSubmit());

// --- menus: one at a time, closed by Escape and when the focus or a click is elsewhere ------------
const menus = [...document.querySelectorAll("details.menu")];
for (const menu of menus)
  menu.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
  });
document.addEventListener("pointerdown", (event) => {
  for (const menu of menus) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented) return;
  const open = menus.find((menu) => menu.open);
  if (open) { open.open = false; open.querySelector("summary").focus(); }
  else if (panel && !panel.hidden) leave();
});
document.querySelector("#export form")?.addEventListener("submit", (event) => {
  // The answer is a download, so this page stays: close the menu once the form is on its way.
  const menu = event.target.closest("details");
  setTimeout(() => { menu.open = false; menu.querySelector("summary").focus(); });
});

// --- comboboxes (WAI-ARIA Authoring Practices, "Editable Combobox With List Autocomplete") --------
let boxes = 0;
function combobox(input, offer, choose, leaveText) {
  const id = `listbox-${++boxes}`;
  const list = make("div", { id, role: "listbox", class: "listbox", "aria-label": input.getAttribute("aria-label") ?? "Choices" });
  list.hidden = true;
  input.after(list);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id, autocomplete: "off" }))
    input.setAttribute(name, value);
  let active = null;
  let asked = 0;
  function mark(option) {
    active?.setAttribute("aria-selected", "false");
    active = option;
    active?.setAttribute("aria-selected", "true");
    active?.scrollIntoView({ block: "nearest" });
    if (active) input.setAttribute("aria-activedescendant", active.id);
    else input.removeAttribute("aria-activedescendant");
  }
  function shut() {
    asked++;
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    mark(null);
  }
  async function open(text) {
    const question = ++asked;
    const groups = await offer(text);
    if (question !== asked) return;
    mark(null);
    let number = 0;
    let chosen = null;
    list.replaceChildren(...groups.map(([title, choices]) => {
      const options = choices.map((choice) => {
        const option = make("div", { role: "option", id: `${id}-${number++}`, "aria-selected": "false" }, choice.label);
        if (choice.note) option.append(make("small", {}, choice.note));
        option.choice = choice;
        if (choice.chosen) { option.classList.add("chosen"); chosen = option; }
        return option;
      });
      if (!title) return make("div", { role: "group", "aria-label": "Choices" }, ...options);
      return make("div", { role: "group", "aria-label": title }, make("div", { role: "presentation" }, title), ...options);
    }));
    if (!number) list.replaceChildren(make("div", { role: "option", "aria-disabled": "true", class: "none" }, groups.failed ? "Could not be loaded" : "Nothing fits"));
    say(number ? `${number} ${number === 1 ? "choice" : "choices"}` : list.textContent);
    list.hidden = false;
    list.scrollTop = 0;
    if (!text) chosen?.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-expanded", "true");
  }
  function take(choice) {
    input.value = choose(choice);
    shut();
  }
  // The focus stays in the text, and a touch that scrolls the list chooses nothing.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]:not(.none)");
    if (option) take(option.choice);
  });
  input.addEventListener("focus", () => input.select());
  input.addEventListener("click", () => { if (list.hidden) open(""); });
  input.addEventListener("input", () => open(input.value));
  input.addEventListener("blur", () => { shut(); leaveText?.(); });
  input.addEventListener("keydown", (event) => {
    const options = [...list.querySelectorAll("[role=option]:not(.none)")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      const shown = () => [...list.querySelectorAll("[role=option]:not(.none)")];
      if (list.hidden) open("").then(() => { if (!event.altKey) mark(shown().at(step > 0 ? 0 : -1) ?? null); });
      else if (event.altKey && step < 0) shut();
      else if (options.length) mark(options[(options.indexOf(active) + step + options.length + (active || step > 0 ? 0 : 1)) % options.length]);
    } else if (event.key === "Enter" && !list.hidden) {
      event.preventDefault();
      const only = active ?? (input.value && options.length === 1 ? options[0] : null);
      if (only) take(only.choice); else shut();
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      shut();
    }
  });
}

const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

// A select becomes a combobox that looks in the titles, the groups and the keys of its options.
function searchable(select) {
  const label = (option) => (option?.value ? option.label : "");
  const named = select.getAttribute("aria-label") ?? select.labels[0]?.textContent.trim() ?? "";
  const input = make("input", { "aria-label": named, placeholder: select.options[0].value ? "" : select.options[0].label });
  if (select.id) input.id = `${select.id}-text`;
  for (const each of [...select.labels]) each.htmlFor = input.id;
  input.value = label(select.selectedOptions[0]);
  const box = make("div", { class: "combobox" }, input);
  select.after(box);
  select.hidden = true;
  const groups = [...select.querySelectorAll("optgroup")].map((group) => [group.label, [...group.children]]);
  const loose = [...select.children].filter((child) => child.matches("option") && child.value);
  const all = (loose.length ? [["", loose]] : []).concat(groups);
  function offer(text) {
    const words = fold(text).split(/\s+/).filter(Boolean);
    return all.map(([title, options]) => [title, options
      .filter((option) => { const hay = fold(`${title} ${option.label} ${option.value}`); return words.every((word) => hay.includes(word)); })
      .map((option) => ({ label: option.label, chosen: option.selected, option }))])
      .filter(([, choices]) => choices.length);
  }
  function choose(choice) {
    if (choice.option.selected) return choice.label;
    choice.option.selected = true;
    select.dispatchEvent(new Event("change", { bubbles: true }));
    return choice.label;
  }
  combobox(input, offer, choose, () => {
    // A title that was typed whole is chosen; of anything else nothing is.
    const typed = all.flatMap(([, options]) => options).filter((option) => fold(option.label) === fold(input.value));
    if (typed.length === 1) choose({ label: label(typed[0]), option: typed[0] });
    if (!input.value && !select.options[0].value) select.value = "";
    input.value = label(select.selectedOptions[0]);
  });
}

// Users are too many to list: the server is asked while somebody types. The name is shown, the id is sent; what
// is typed and not chosen is sent as it is, and the server takes it for an id or a whole name.
function userPicker(sent) {
  const input = sent.cloneNode();
  input.removeAttribute("name");
  input.removeAttribute("list");
  if (sent.dataset.name) input.value = sent.dataset.name;
  sent.type = "hidden";
  const box = make("div", { class: "combobox" }, input);
  sent.after(box);
  input.addEventListener("input", () => { sent.value = input.value; });
  const account = new URLSearchParams(location.search).get("account");
  let typed = 0;
  combobox(input, async (text) => {
    const now = ++typed;
    if (text) await pause(120);
    if (now !== typed) return [];
    const query = new URLSearchParams({ text, ...(account ? { account } : {}) });
    const answer = await fetch(`${base}/api/users?${query}`).catch(() => null);
    if (!answer?.ok) return Object.assign([], { failed: true });
    const { users } = await answer.json();
    return users.length ? [["", users.map((user) => ({ label: user.name, note: user.name === user.id ? user.type : `${user.type} ${user.id}`, id: user.id }))]] : [];
  }, (choice) => { sent.value = choice.id; return choice.label; });
}

// --- the filter's rows -----------------------------------------------------------------------------
const rows = document.querySelector(".rows");
if (rows) {
  const blank = rows.lastElementChild.cloneNode(true);
  for (const option of blank.querySelectorAll("option[selected]")) option.removeAttribute("selected");
  blank.querySelector("input").removeAttribute("value");
  delete blank.querySelector("input").dataset.name;
  let made = rows.children.length;
  const add = document.querySelector("#filter .add");
  const full = () => { add.hidden = rows.children.length >= Number(rows.dataset.most); };
  const prepareRow = (row) => {
    row.querySelectorAll(".value select").forEach(searchable);
    row.querySelectorAll(".value input[name]").forEach(userPicker);
  };
  const appendRow = () => {
    const row = blank.cloneNode(true);
    for (const control of row.querySelectorAll("[name]"))
      if (control.name !== "do") control.name = control.name.replace(/\d+$/, made);
    const remove = row.querySelector("button[name=do]");
    remove.value = `remove-${made}`;
    row.querySelector("legend").textContent = `Condition ${++made}`;
    remove.setAttribute("aria-label", `Remove condition ${made}`);
    rows.append(row);
    prepareRow(row);
    full();
    return row;
  };
  [...rows.children].forEach(prepareRow);
  full();
  add.addEventListener("click", (event) => { event.preventDefault(); appendRow().querySelector("select").focus(); });
  rows.addEventListener("click", (event) => {
    const remove = event.target.closest("button[name=do]");
    if (!remove) return;
    event.preventDefault();
    const row = remove.closest(".row");
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (next ?? appendRow()).querySelector("select").focus();
    full();
  });
}

// --- time zones --------------------------------------------------------------------------------------
const zone = document.getElementById("zone");
if (zone) {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const option = [...zone.options].find((each) => each.value === own);
  if (option && zone.value !== own) {
    const place = document.querySelector(".own-zone");
    place.hidden = false;
    place.firstElementChild.textContent = `Use ${own}, as on this device`;
    place.firstElementChild.addEventListener("click", () => { zone.value = own; zone.form.requestSubmit(); });
  }
  searchable(zone);
}

// --- details beside the list: the URL is the entry's own, so that it can be shared and gone back from -----
const title = document.title;
let origin = null;
function close() {
  panel.hidden = true;
  panel.replaceChildren();
  origin?.closest("tr").classList.remove("shown");
  document.title = title;
  origin?.focus();
}
const leave = () => { if (history.state?.entry) history.back(); else close(); };
const linkOf = (href) => [...document.querySelectorAll("a.details")].find((link) => link.href === href);
async function show(link) {
  origin?.closest("tr").classList.remove("shown");
  origin = link;
  link.closest("tr").classList.add("shown");
  waiting(true);
  let article;
  try {
    const answer = await fetch(link.href);
    article = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("article.entry, .empty");
  } catch {
    article = make("p", { class: "failed", role: "alert" }, "This entry could not be loaded. Try again.");
  }
  waiting(false);
  if (origin !== link) return;
  const all = [...document.querySelectorAll("a.details")];
  const at = all.indexOf(link);
  const step = (text, to) => {
    const button = make("button", { type: "button", class: "quiet" }, text);
    button.disabled = !to;
    button.addEventListener("click", () => { history.replaceState({ entry: true }, "", to.href); show(to); });
    return button;
  };
  const shut = make("button", { type: "button", class: "quiet close" }, "Close");
  shut.addEventListener("click", leave);
  panel.replaceChildren(make("nav", { "aria-label": "Entries" }, step("Newer", all[at - 1]), step("Older", all[at + 1]), make("span", { class: "space" }), shut), article);
  panel.hidden = false;
  panel.scrollTop = 0;
  prepareEntry(panel);
  const heading = panel.querySelector("h2");
  if (heading) { heading.focus(); document.title = `${heading.textContent} · ${title}`; }
}
function follow(link) {
  const there = { entry: true };
  if (history.state?.entry) history.replaceState(there, "", link.href);
  else history.pushState(there, "", link.href);
  show(link);
}
document.querySelector("table")?.addEventListener("click", (event) => {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button || String(getSelection())) return;
  const link = event.target.closest("tr")?.querySelector("a.details");
  if (!link) return;
  event.preventDefault();
  waiting(false);
  follow(link);
});
addEventListener("popstate", () => {
  if (!panel) return;
  const link = history.state?.entry && linkOf(location.href);
  if (link) show(link);
  else if (!panel.hidden) close();
});

function prepareEntry(part) {
  for (const button of part.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        const answer = await fetch(button.dataset.json);
        if (!answer.ok) throw new Error(answer.statusText);
        await navigator.clipboard.writeText(JSON.stringify(await answer.json(), null, 2));
        button.textContent = "Copied";
      } catch {
        button.textContent = "Could not copy: use JSON beside this";
      }
    });
  }
}
prepareEntry(document);

// --- new entries are announced and never put in: nothing moves under the reader ------------------------------
const MOST = 50;
const news = document.querySelector(".news");
if (news && !new URLSearchParams(location.search).has("after")) {
  const query = new URLSearchParams(news.dataset.query);
  query.set("limit", MOST + 1);
  const look = async () => {
    if (document.hidden) return;
    const answer = await fetch(`${base}/api/entries?${query}`).catch(() => null);
    if (!answer?.ok) return;
    const { entries } = await answer.json();
    const known = entries.findIndex((entry) => entry.id <= news.dataset.newest);
    const count = known < 0 ? entries.length : known;
    if (!count) return;
    const text = count > MOST ? `More than ${MOST} new entries` : count === 1 ? "1 new entry" : `${count} new entries`;
    if (news.textContent !== text)
      news.replaceChildren(make("a", { href: `${base}/${news.dataset.query ? "?" : ""}${news.dataset.query}` }, text));
  };
  setInterval(look, 10_000);
}
