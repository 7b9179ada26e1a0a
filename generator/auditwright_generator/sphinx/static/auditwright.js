/* The script of the site: copies keys, gives focus only to tables that scroll, and orders search results.
   Pages work without it. */
(() => {
  "use strict";

  // --- the key of an event ---------------------------------------------------------------------------

  const status = document.createElement("div");
  status.className = "audit-status";
  status.setAttribute("role", "status");

  /** Put a text on the clipboard; pages that are files, or not on HTTPS, have no navigator.clipboard. */
  async function copy(text) {
    if (navigator.clipboard) {
      try {
        return await navigator.clipboard.writeText(text);
      } catch {
        // refused: try the older way
      }
    }
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "audit-status";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("the browser refuses to copy");
  }

  function addCopyButton(key) {
    const button = document.createElement("button");
    const name = `Copy ${key.textContent}`;
    button.type = "button";
    button.className = "audit-copy";
    button.title = "Copy";
    button.setAttribute("aria-label", name);
    button.addEventListener("click", async () => {
      let said = `Copied ${key.textContent}`;
      try {
        await copy(key.textContent);
        button.classList.add("audit-copied");
        setTimeout(() => button.classList.remove("audit-copied"), 2000);
      } catch {
        said = "Could not copy";
      }
      button.focus();
      status.textContent = "";
      setTimeout(() => (status.textContent = said), 50); // the same words again are a change, too
    });
    key.after(button);
  }

  // --- tables ------------------------------------------------------------------------------------------

  /** Only what scrolls needs a stop of the Tab key. */
  function setTabStop(container) {
    if (container.scrollWidth > container.clientWidth) container.tabIndex = 0;
    else container.removeAttribute("tabindex");
  }

  // --- search --------------------------------------------------------------------------------------------

  const PAGE = 0, TITLE = 1, ANCHOR = 2, ABOUT = 3, KIND = 6;

  const unescape = (text) => new DOMParser().parseFromString(text, "text/html").documentElement.textContent;

  /** Titles of events and fields, with what tells them apart after them; sphinx/domain.py joins the parts. */
  function split(result) {
    // Sphinx escapes the names of objects in the index, and again when it shows them.
    const name = typeof _escapeHTML === "function" ? unescape(result[TITLE]) : result[TITLE];
    const [title, ...others] = name.split(" · ");
    const kind = result[ABOUT].split(",")[0];
    result[TITLE] = title;
    result[ABOUT] = [kind, ...others].join(", ");
    return [title.replace(/ \(deprecated\)$/, ""), others.at(-1) ?? title];
  }

  /** Results in Sphinx's order, the best one last: each place once, and exact matches before all others. */
  function improve(results, query) {
    const wanted = query.trim().toLowerCase();
    const seen = new Set();
    const exact = [], others = [];
    const placeOf = (result) => result[PAGE] + result[ANCHOR];
    const isObject = (result) => result[KIND] === "object";
    const told = new Set(results.filter(isObject).map(placeOf)); // an object says more than its heading
    for (const result of results.toReversed()) {
      const place = placeOf(result);
      if (seen.has(place) || (told.has(place) && !isObject(result))) continue;
      seen.add(place);
      const names = isObject(result) ? split(result) : [result[TITLE]];
      (names.some((name) => name.toLowerCase() === wanted) ? exact : others).push(result);
    }
    return [...exact, ...others].reverse();
  }

  function improveSearch() {
    if (typeof Search === "undefined" || typeof Search._performSearch !== "function") return;
    const search = Search._performSearch;
    Search._performSearch = (query, ...others) => {
      const names = others.pop(); // words of which Sphinx finds only parts of names: "keys" is none of "API key"
      const parts = new Set([...names].map((word) => (word.length > 3 ? word.replace(/s$/, "") : word)));
      return improve(search(query, ...others, parts), query);
    };
  }

  // --- printing ------------------------------------------------------------------------------------------

  /** What is folded is printed, too. */
  function openForPrint() {
    const folded = document.querySelectorAll("details:not([open])");
    for (const each of folded) each.open = true;
    addEventListener("afterprint", () => folded.forEach((each) => (each.open = false)), { once: true });
  }

  improveSearch();
  document.body.append(status);
  document.querySelectorAll("code.audit-key").forEach(addCopyButton);
  const sizes = new ResizeObserver((entries) => entries.forEach((each) => setTabStop(each.target)));
  document.querySelectorAll(".audit-table, .pst-scrollable-table-container").forEach((each) => sizes.observe(each));
  addEventListener("beforeprint", openForPrint);
})();
