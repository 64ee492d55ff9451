// Looks at a page as it is shown: what can be read by its contrast (WCAG 2, 1.4.3 and
// 1.4.11: 4.5 to 1 for text, 3 for large text), what a finger can hit (2.5.8: 24 pixels,
// but for links in text), and whether it is wider than the screen. Returns complaints.
(() => {
const wrong = [];
const rgb = (text) => text.match(/[\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
const behind = (element) => {
for (let e = element; e; e = e.parentElement) {
const c = rgb(getComputedStyle(e).backgroundColor);
if (c.length === 3 || c[3] === 1) return c;
}
return rgb(getComputedStyle(document.body).backgroundColor);
};
const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const seen = new Set();
while (walk.nextNode()) {
const element = walk.currentNode.parentElement;
if (!walk.currentNode.data.trim() || seen.has(element) || /^(SCRIPT|STYLE|TITLE)$/i.test(element.tagName) || !element.getClientRects().length) continue;
seen.add(element);
const style = getComputedStyle(element);
let face = behind(element), ink = rgb(style.color);
if (element.ownerSVGElement) {
ink = rgb(style.fill);
const box = element.parentElement.querySelector("rect");
if (box) face = rgb(getComputedStyle(box).fill);
}
const size = parseFloat(style.fontSize), large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
const have = ratio(ink, face);
if (have < (large ? 3 : 4.5)) wrong.push(`contrast ${have.toFixed(2)} of ${element.tagName} “${walk.currentNode.data.trim().slice(0, 40)}”`);
if (size < 11) wrong.push(`text of ${size} pixels in ${element.tagName}`);
}
for (const e of document.querySelectorAll("button, input, summary, nav a")) {
const box = e.getBoundingClientRect();
if (box.width && (box.height < 24 || box.width < 24)) wrong.push(`${e.tagName} “${e.textContent.slice(0, 30)}” is ${box.width} by ${box.height}`);
}
const page = document.scrollingElement;
if (page.scrollWidth > innerWidth) {
wrong.push(`${page.scrollWidth} pixels wide on a screen of ${innerWidth}`);
for (const e of document.body.querySelectorAll("*")) if (e.getBoundingClientRect().right > innerWidth + 1) wrong.push(`too wide: ${e.tagName} ${e.className} “${e.textContent.slice(0, 40)}”`);
}
return wrong;
})()
