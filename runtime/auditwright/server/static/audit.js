// Makes the page faster; everything works without it. All state is in the URL.
const base = document.body.dataset.base;
const panel = document.getElementById("panel");
document.documentElement.classList.add("with-js");

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
// Announce a visible change to screen readers.
const say = (text) => { document.getElementById("said").textContent = text; };
// Show what has no picture of its own as escapes: `printable` of text.py.
const unprintable = /(?![\ufe0e\ufe0f])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
function escaped(mark) {
  const code = mark.codePointAt(0).toString(16);
  const [letter, digits] = code.length < 3 ? ["x", 2] : code.length < 5 ? ["u", 4] : ["U", 8];
  return { "\t": "\\t", "\n": "\\n", "\r": "\\r" }[mark] ?? `\\${letter}${code.padStart(digits, "0")}`;
}
const visible = (text) => text.replace(unprintable, escaped);
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// --- waiting ------------------------------------------------------------------------------------
const progress = document.querySelector(".progress");
const waiting = (on) => { progress.hidden = !on; };
addEventListener("pageshow", () => waiting(false));
addEventListener("submit", (event) => { if (event.target.method === "get") waiting(true); });
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const opensElsewhere = event.metaKey || event.ctrlKey || event.shiftKey || event.button;
  if (link && !opensElsewhere && !event.defaultPrevented && !link.hash) waiting(true);
});
for (const select of document.querySelectorAll("select[data-submit]"))
  select.addEventListener("change", () => select.form.requestSubmit());

// --- menus: one at a time, closed by Escape, loss of focus or a click outside --------------------
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
  // The response is a download, so the page stays: close the menu after the form is submitted.
  const menu = event.target.closest("details");
  setTimeout(() => { menu.open = false; menu.querySelector("summary").focus(); });
});

// --- faults of controls: marked, named, and read with the control by screen readers -----------------
let faults = 0;
const faultOf = (input) => document.getElementById(input.getAttribute("aria-describedby"));
function refuse(input, text) {
  let message = faultOf(input);
  if (!message) {
    message = make("p", { class: "fault", id: `fault-of-${++faults}` });
    (input.closest(".combobox") ?? input).after(message);
    input.setAttribute("aria-describedby", message.id);
  }
  input.setAttribute("aria-invalid", "true");
  message.replaceChildren(make("bdi", {}, visible(text)));
}
function accept(input) {
  faultOf(input)?.remove();
  for (const name of ["aria-invalid", "aria-describedby"]) input.removeAttribute(name);
}
// Give the mark that the server has put at a control to the one that the script shows instead.
function moveMark(from, to) {
  for (const name of ["aria-invalid", "aria-describedby"]) {
    if (from.hasAttribute(name)) to.setAttribute(name, from.getAttribute(name));
    from.removeAttribute(name);
  }
  if (from.autofocus) to.focus();
}

// --- comboboxes (WAI-ARIA Authoring Practices, "Editable Combobox With List Autocomplete") --------
let boxes = 0;
function combobox(input, offer, choose, { delay = 0, left = () => {} } = {}) {
  const id = `listbox-${++boxes}`;
  const list = make("div", { id, role: "listbox", class: "listbox", "aria-label": input.getAttribute("aria-label") ?? "Choices" });
  list.hidden = true;
  input.after(list);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id, autocomplete: "off" }))
    input.setAttribute(name, value);
  let active = null;
  let asked = 0;
  const shown = () => [...list.querySelectorAll("[role=option]:not(.none)")];
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
    if (text && delay) await pause(delay);
    const groups = question === asked ? await offer(text) : [];
    if (question !== asked) return false;
    mark(null);
    let number = 0;
    let chosen = null;
    list.replaceChildren(...groups.map(([title, choices]) => {
      const options = choices.map((choice) => {
        const option = make("div", { role: "option", id: `${id}-${number++}`, "aria-selected": "false" }, make("bdi", {}, choice.label));
        if (choice.note) option.append(make("small", {}, ...choice.note));
        if (choice.aside) option.append(" ", make("small", { class: "aside" }, choice.aside));
        option.choice = choice;
        if (choice.chosen) { option.classList.add("chosen"); chosen = option; }
        return option;
      });
      if (!title) return make("div", { role: "group", "aria-label": "Choices" }, ...options);
      return make("div", { role: "group", "aria-label": title }, make("div", { role: "presentation" }, title), ...options);
    }));
    if (!number) list.replaceChildren(make("div", { role: "option", "aria-disabled": "true", class: "none" }, groups.failed ? "Could not be loaded" : "No matches"));
    say(number ? `${number} ${number === 1 ? "choice" : "choices"}` : "No choices");
    list.hidden = false;
    list.scrollTop = 0;
    if (!text) chosen?.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-expanded", "true");
    return true;
  }
  function take(choice) {
    input.value = choose(choice);
    accept(input);
    shut();
  }
  // Keep the focus in the input. A touch that scrolls the list chooses nothing.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]:not(.none)");
    if (option) take(option.choice);
  });
  input.addEventListener("focus", () => input.select());
  input.addEventListener("click", () => { if (list.hidden) open(""); });
  input.addEventListener("input", () => { accept(input); open(input.value); });
  input.settle = () => left(true);
  input.addEventListener("blur", () => { shut(); left(false); });
  input.addEventListener("keydown", async (event) => {
    const options = shown();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const closed = list.hidden;
    if (step || (!closed && ["Enter", "Escape"].includes(event.key))) event.preventDefault();
    if (step && closed) {
      if (await open("") && !event.altKey) mark(shown().at(step > 0 ? 0 : -1) ?? null);
    } else if (step && event.altKey) {
      if (step < 0) shut();
    } else if (step && options.length) {
      const from = active ? options.indexOf(active) : step > 0 ? -1 : 0;
      mark(options[(from + step + options.length) % options.length]);
    } else if (event.key === "Enter" && !closed) {
      // The first match, but for one that is typed in full.
      const whole = options.find(({ choice }) => [choice.label, choice.id].some((text) => text && fold(text) === fold(input.value)));
      const taken = active ?? (input.value ? whole ?? options[0] : null);
      if (taken) take(taken.choice); else shut();
    } else if (event.key === "Escape" && !closed) shut();
  });
}

const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

// Turn a select into a combobox that searches titles, groups and keys of its options.
function searchable(select) {
  const titleOf = (option) => option.dataset.title ?? option.label;
  const label = (option) => (option?.value ? titleOf(option) : "");
  const named = select.getAttribute("aria-label") ?? select.labels[0]?.textContent.trim() ?? "";
  const input = make("input", { "aria-label": named, placeholder: select.options[0].value ? "" : select.options[0].label });
  if (select.id) input.id = `${select.id}-text`;
  for (const each of [...select.labels]) each.htmlFor = input.id;
  const unknown = select.querySelector("[data-unknown]"); // text that the server did not understand
  input.value = unknown?.label ?? label(select.selectedOptions[0]);
  const box = make("div", { class: "combobox" }, input);
  select.after(box);
  if (select.ariaInvalid) { unknown?.remove(); select.value = ""; }
  moveMark(select, input);
  select.hidden = true;
  const groups = [...select.querySelectorAll("optgroup")].map((group) => [group.label, [...group.children]]);
  const loose = [...select.children].filter((child) => child.matches("option") && child.value);
  const all = (loose.length ? [["", loose]] : []).concat(groups);
  function offer(text) {
    const words = fold(text).split(/\s+/).filter(Boolean);
    return all.map(([title, options]) => [title, options
      .filter((option) => { const hay = fold(`${title} ${titleOf(option)} ${option.value}`); return words.every((word) => hay.includes(word)); })
      .map((option) => ({ label: label(option), aside: option.dataset.title && "no entries", chosen: option.selected, option }))])
      .filter(([, choices]) => choices.length);
  }
  function choose(choice) {
    if (choice.option.selected) return choice.label;
    choice.option.selected = true;
    select.dispatchEvent(new Event("change", { bubbles: true }));
    return choice.label;
  }
  combobox(input, offer, choose, { left: (isAsked) => {
    // A complete title is chosen; any other text stays, and is marked.
    const typed = all.flatMap(([, options]) => options).filter((option) => fold(titleOf(option)) === fold(input.value.trim()));
    const optional = !select.options[0].value;
    if (typed.length === 1) { choose({ label: label(typed[0]), option: typed[0] }); input.value = label(typed[0]); accept(input); }
    else if (!input.value.trim() && !optional) input.value = label(select.selectedOptions[0]);
    else if (fold(input.value) !== fold(label(select.selectedOptions[0]))) {
      if (optional) select.value = "";
      const what = { Category: "a category", Event: "an event" }[named] ?? "a time zone";
      // A message moves what is below it: not while a button there is being pressed.
      if (input.value.trim() && (isAsked || !optional)) refuse(input, `“${input.value}” is not ${what}. Choose one from the list.`);
    }
  } });
}

// Users are requested from the server during typing. The name is shown, the id is sent. Text that is not chosen
// is sent unchanged; the server takes it for an id or a complete name.
function userPicker(sent) {
  const input = sent.cloneNode();
  input.removeAttribute("name");
  input.removeAttribute("list");
  if (sent.dataset.name) input.value = sent.dataset.name;
  sent.type = "hidden";
  const box = make("div", { class: "combobox" }, input);
  sent.after(box);
  moveMark(sent, input);
  input.addEventListener("input", () => { sent.value = input.value; });
  const account = new URLSearchParams(document.querySelector("#filter [name='view']").value).get("account");
  combobox(input, async (text) => {
    const query = new URLSearchParams({ text, ...(account ? { account } : {}) });
    const answer = await fetch(`${base}/api/users?${query}`).catch(() => null);
    if (!answer?.ok) return Object.assign([], { failed: true });
    const { users } = await answer.json();
    return users.length ? [["", users.map((user) => ({ label: visible(user.name), note: [user.type, ...(user.name === user.id ? [] : [" ", make("bdi", {}, visible(user.id))])], id: user.id }))]] : [];
  }, (choice) => { sent.value = choice.id; return choice.label; }, { delay: 120 });
}

// --- the filter's rows -----------------------------------------------------------------------------
const rows = document.querySelector(".rows");
if (rows) {
  const blank = rows.lastElementChild.cloneNode(true);
  for (const each of blank.querySelectorAll(".fault, [data-unknown]")) each.remove();
  for (const name of ["selected", "aria-invalid", "aria-describedby", "autofocus"])
    for (const each of blank.querySelectorAll(`[${name}]`)) each.removeAttribute(name);
  for (const input of blank.querySelectorAll("input")) { input.removeAttribute("value"); delete input.dataset.name; }
  let made = rows.children.length;
  const add = document.querySelector("#filter .add");
  const full = () => { add.hidden = rows.children.length >= Number(rows.dataset.max); };
  const prepareRow = (row) => {
    row.querySelectorAll(".value select.long").forEach(searchable);
    row.querySelectorAll(".value input.user").forEach(userPicker);
    for (const control of row.querySelectorAll(".value :is(select:not(.long), .target input)"))
      control.addEventListener("input", () => accept(control));
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
    (next?.querySelector("select") ?? add).focus(); // without rows, there is no filter to apply
    full();
  });
  // An unfinished condition is never left out silently: the filter is not applied.
  const UNFINISHED = { category: "Choose a category, or remove this condition.", event: "Choose an event, or remove this condition.", user: "Enter a name or an ID, or remove this condition.", on_behalf_of: "Enter a name or an ID, or remove this condition.", outcome: "Choose an outcome, or remove this condition.", target: "Choose a type and enter an ID, or remove this condition." };
  rows.closest("form").addEventListener("submit", (event) => {
    const wrong = [...rows.children].flatMap((row) => {
      const field = row.querySelector(".field").value;
      const value = row.querySelector(`.value[data-field="${field}"]`);
      const controls = [...value.querySelectorAll(".combobox input, select:not(.long), .target input")];
      controls[0].settle?.();
      const empty = controls.find((control) => !control.value.trim());
      if (empty) refuse(empty, UNFINISHED[field]);
      return controls.filter((control) => control.ariaInvalid);
    });
    if (!wrong.length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    wrong[0].focus();
    say(`The filter is not applied. ${faultOf(wrong[0])?.textContent ?? ""}`);
  }, { capture: true });
}

// --- time zones --------------------------------------------------------------------------------------
const zone = document.getElementById("zone");
if (zone) {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const option = [...zone.options].find((each) => each.value === own);
  if (option && zone.value !== own) {
    const suggestion = document.querySelector(".own-zone");
    suggestion.hidden = false;
    suggestion.firstElementChild.textContent = `Use ${own}, as on this device`;
    suggestion.firstElementChild.addEventListener("click", () => { zone.value = own; zone.form.requestSubmit(); });
  }
  searchable(zone);
}

// --- the panel with one entry: it has the URL of the entry, to share and to go back ---------------------
const title = document.title;
const address = () => location.pathname + location.search;
const loaded = address();
const links = [...document.querySelectorAll("a.details")];
let origin = null;
function unmark() {
  origin?.closest("tr").classList.remove("shown");
}
function close() {
  waiting(false);
  panel.hidden = true;
  panel.lastElementChild.replaceChildren();
  document.title = title;
  unmark();
  origin?.focus();
  origin = null;
}
const leave = () => { if (history.state?.entry) history.back(); else close(); };
async function show(link) {
  unmark();
  origin = link;
  link.closest("tr").classList.add("shown");
  link.scrollIntoView({ block: "nearest" });
  waiting(true);
  let article = make("p", { class: "failed", role: "alert" }, "This entry could not be loaded. Try again.");
  try {
    const answer = await fetch(link.href);
    article = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("article.entry, .empty");
  } catch { /* the article has the message */ }
  if (origin !== link) return;
  if (!article) { location.reload(); return; } // not our page, for example a sign-in page
  waiting(false);
  const [newer, older, shut] = panel.querySelectorAll("nav button");
  const pressed = document.activeElement;
  newer.disabled = link === links[0];
  older.disabled = link === links.at(-1);
  panel.lastElementChild.replaceChildren(article);
  panel.hidden = false;
  panel.scrollTop = 0;
  prepareEntry(article);
  const heading = article.querySelector("h2");
  if (heading) document.title = `${heading.textContent} · ${title}`;
  if ([newer, older].includes(pressed) && !pressed.disabled) say(heading?.textContent ?? "");
  else if (heading?.hasAttribute("tabindex")) heading.focus();
  else shut.focus();
}
function follow(link) {
  const state = { entry: true };
  if (history.state?.entry) history.replaceState(state, "", link.href);
  else history.pushState(state, "", link.href);
  show(link);
}
if (panel) {
  const [newer, older, shut] = panel.querySelectorAll("nav button");
  newer.addEventListener("click", () => follow(links[links.indexOf(origin) - 1]));
  older.addEventListener("click", () => follow(links[links.indexOf(origin) + 1]));
  shut.addEventListener("click", leave);
}
document.querySelector("table")?.addEventListener("click", (event) => {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button || String(getSelection())) return;
  const link = event.target.closest("tr")?.querySelector("a.details");
  if (!link) return;
  event.preventDefault();
  follow(link);
});
addEventListener("popstate", () => {
  const link = history.state?.entry && links.find((each) => each.href === location.href);
  if (link) show(link);
  else if (address() !== loaded) location.reload(); // after a reload, going back does not load the page
  else if (panel && origin) close();
});

function prepareEntry(part) {
  for (const button of part.querySelectorAll("button.copy")) {
    const name = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      let done = "Copied";
      try {
        const answer = await fetch(button.dataset.json);
        if (!answer.ok) throw new Error(answer.statusText);
        await navigator.clipboard.writeText(JSON.stringify(await answer.json(), null, 2));
      } catch {
        done = "Could not copy; use JSON instead";
      }
      button.textContent = done;
      say(done);
      await pause(3000);
      button.textContent = name;
    });
  }
}
prepareEntry(document);

// --- the count, requested after the page where entries must be scanned ----------------------------------------
const amount = document.querySelector("[data-count]");
async function count() {
  const answer = await fetch(`${base}/api/count?${amount.dataset.count}`).catch(() => null);
  if (!answer?.ok) return;
  const { entries, whole } = await answer.json();
  if (entries > links.length) amount.textContent = `${links.length} of ${entries.toLocaleString("en")}${whole ? "" : "+"} entries`;
}
if (amount) count();

// --- continue a partial scan until an entry matches; each request scans for a few milliseconds -----------------
const scanLink = document.querySelector("a[data-scan]");
let scanUrl = null;
let stopped = false;
async function continueScan() {
  const { scan, zone } = scanLink.dataset;
  const shownTime = document.querySelector(".scan time");
  while (!stopped) {
    const answer = await fetch(`${base}/api/entries${new URL(scanUrl).search}`).catch(() => null);
    const page = answer?.ok ? await answer.json() : null;
    const cursor = scan === "before" ? page?.previous : page?.next;
    if (!page?.scanned_to || page.entries.length || !cursor) break;
    shownTime.textContent = new Date(page.scanned_to).toLocaleString("sv-SE", { timeZone: zone });
    shownTime.dateTime = page.scanned_to;
    shownTime.removeAttribute("title");
    scanUrl = scanUrl.replace(new RegExp(`([?&]${scan}=)[^&]*`), (_, name) => name + cursor);
  }
  location.assign(scanUrl);
}
scanLink?.addEventListener("click", (event) => {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  if (scanUrl) { stopped = true; return; }
  scanUrl = scanLink.href;
  scanLink.textContent = "Stop searching";
  say("Searching");
  waiting(true);
  continueScan();
});

// --- new entries are announced, not inserted: nothing moves while somebody reads -------------------------------
const MAX_NEW = 50;
const news = document.querySelector(".news");
const { searchParams } = new URL(location);
if (news && !searchParams.has("after") && !searchParams.has("before")) {
  const query = new URLSearchParams(news.dataset.query);
  query.set("limit", MAX_NEW + 1);
  const checkForNew = async () => {
    if (document.hidden) return;
    const answer = await fetch(`${base}/api/entries?${query}`).catch(() => null);
    if (answer?.status < 500 && !answer.ok) clearInterval(timer); // probably signed out
    if (!answer?.ok) return;
    const { entries } = await answer.json();
    const known = entries.findIndex((entry) => entry.id <= news.dataset.newest);
    const count = known < 0 ? entries.length : known;
    if (!count) return;
    const text = count > MAX_NEW ? `More than ${MAX_NEW} new entries` : count === 1 ? "1 new entry" : `${count} new entries`;
    if (news.textContent !== text)
      news.replaceChildren(make("a", { href: `${base}/${news.dataset.query ? "?" : ""}${news.dataset.query}` }, text));
  };
  const timer = setInterval(checkForNew, 10_000);
}
