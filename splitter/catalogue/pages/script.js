"use strict";
(() => {
const all = (selector, from) => Array.from((from || document).querySelectorAll(selector));

// Copying: the clipboard belongs to secure pages alone, and mirrors are often plain HTTP.
const select = (element) => {
const range = document.createRange();
range.selectNodeContents(element);
const selection = getSelection();
selection.removeAllRanges();
selection.addRange(range);
};
const copied = async (element) => {
if (navigator.clipboard && isSecureContext) {
try { await navigator.clipboard.writeText(element.textContent); return true; } catch (refused) { }
}
select(element);
return document.execCommand("copy");
};
for (const button of all("[data-copy]")) {
const word = button.textContent;
button.setAttribute("aria-live", "polite");
button.hidden = false;
button.addEventListener("click", async () => {
button.textContent = await copied(document.getElementById(button.dataset.copy)) ? "Copied" : "Press Ctrl+C";
setTimeout(() => { button.textContent = word; }, 2000);
});
}

// Finding: every word must be in an item's own text or its module's.
const finder = document.querySelector("[data-finder]");
if (!finder) return;
const input = finder.querySelector("input");
const status = finder.querySelector("[role=status]");
const chips = all("[data-only]", finder);
const beyond = finder.querySelector(".beyond");
const kind = finder.dataset.finder;
const items = all("." + kind).map((element) => {
const group = element.closest(".module");
const name = element.querySelector(".name, b");
let text = name.textContent;
if (group) text += " " + group.querySelector(".what").textContent;
else text = element.textContent;
return { element, group, text: text.toLowerCase(), is: (element.dataset.is || "").split(" ") };
});
const groups = new Set(items.map((item) => item.group).filter(Boolean));
// Of thousands of rows only those that change cost anything.
const show = (element, fits) => { if (element.hidden === fits) element.hidden = !fits; };
const letterOf = (name) => /^[a-z]/.test(name) ? name[0] : /^[0-9]/.test(name) ? "0-9" : "other";
const update = () => {
const query = input.value.trim().toLowerCase();
const words = query.split(/\s+/);
const only = chips.filter((chip) => chip.getAttribute("aria-pressed") === "true").map((chip) => chip.dataset.only);
let shown = 0;
const found = new Set();
for (const item of items) {
const fits = words.every((word) => item.text.includes(word)) && only.every((key) => item.is.includes(key));
show(item.element, fits);
if (!fits) continue;
shown++;
found.add(item.group);
}
for (const group of groups) show(group, found.has(group));
const thing = kind === "stream" ? "stream" : "package name";
if (shown === 0) status.textContent = kind === "stream" ? "No stream is like that." : "No repository here has such a package, and none that was left out is called so: no source has it.";
else status.textContent = (shown === items.length ? items.length : shown + " of " + items.length) + " " + thing + (items.length === 1 ? "" : "s");
if (!beyond) return;
const page = letterOf(query);
beyond.hidden = query === "" || !beyond.dataset.initials.split(" ").includes(page);
const link = beyond.querySelector("a");
link.href = beyond.dataset.pages + page + ".html#find=" + encodeURIComponent(query);
link.textContent = "Look for “" + input.value.trim() + "” among the packages";
};
const remember = () => {
try { history.replaceState(null, "", input.value ? "#find=" + encodeURIComponent(input.value) : location.pathname + location.search); } catch (refused) { }
};
const recall = () => {
if (!location.hash.startsWith("#find=")) return;
try { input.value = decodeURIComponent(location.hash.slice(6)); } catch (malformed) { }
update();
};
input.addEventListener("input", () => { update(); remember(); });
input.addEventListener("keydown", (event) => {
if (event.key === "Escape") { input.value = ""; update(); remember(); }
if (event.key !== "Enter" && event.key !== "ArrowDown") return;
const item = items.find((item) => !item.element.hidden && item.element.querySelector("a"));
const next = item ? item.element.querySelector("a") : beyond && !beyond.hidden ? beyond.querySelector("a") : null;
if (!next) return;
event.preventDefault();
next.focus();
});
for (const chip of chips) chip.addEventListener("click", () => {
chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
update();
});
document.addEventListener("keydown", (event) => {
if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) return;
event.preventDefault();
input.focus();
input.select();
});
addEventListener("hashchange", recall);
finder.hidden = false;
update();
recall();
})();
