// The keys of the console: what they are stands on its page of keys, and nowhere else.
const pageOfKeys = () => document.querySelector("a[href$='/keyboard/']");
let keys, before = "";

const known = async () => {
  if (!keys) {
    const answer = await fetch(pageOfKeys().href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    keys = document.createElement("dialog");
    keys.className = "keys";
    keys.setAttribute("aria-label", page.title);
    keys.append(page.getElementById("keys"));
    document.body.append(keys);
  }
  return keys;
};

const isWriting = (place) => place.isContentEditable || /^(input|textarea|select)$/i.test(place.tagName);

document.addEventListener("keydown", async (event) => {
  if (!pageOfKeys() || event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
  const pressed = `${before} ${event.key}`.trim();
  before = event.key === "g" ? "g" : "";
  if (event.key === "?") {
    (await known()).showModal();
  } else if (event.key === "/") {
    const field = document.getElementById("searchbar");
    if (field) { event.preventDefault(); field.focus(); }
  } else if (pressed.startsWith("g ")) {
    (await known()).querySelector(`[data-keys="${pressed.replace(/[^ \w]/g, "")}"]`)?.click();
  }
});

// Select2 draws a box beside its field and gives it no name: it takes the field's own.
const nameBoxes = () => {
  for (const box of document.querySelectorAll("select + .select2 [role=combobox]")) {
    const field = box.closest(".select2").previousElementSibling;
    const label = field.labels[0]?.textContent.trim() || field.name;
    // What it names itself by is empty as long as nothing is chosen, and would go first.
    box.removeAttribute("aria-labelledby");
    box.setAttribute("aria-label", label);
    box.querySelector("[role=textbox]")?.setAttribute("aria-label", label);
  }
};
new MutationObserver(nameBoxes).observe(document.documentElement, { childList: true, subtree: true });
