// Shows what one trade would come to while its figures are typed. What a figure breaks is told at
// its field; without any of this the form works as well, and is refused where it is sent.
const box = document.getElementById("sizes");
const form = box.closest("form");
let waiting, asking;

const tell = (errors) => {
  form.querySelectorAll("[data-told]").forEach((line) => line.remove());
  form.querySelectorAll("[data-wrong]").forEach((field) => {
    field.removeAttribute("aria-invalid");
    delete field.dataset.wrong;
  });
  for (const [name, message] of Object.entries(errors)) {
    const field = form.elements[name] || box;
    const line = document.createElement("p");
    line.className = "errorlist";
    line.dataset.told = "";
    line.setAttribute("role", "alert");
    line.textContent = message;
    field.insertAdjacentElement("afterend", line);
    if (field !== box) {
      field.setAttribute("aria-invalid", "true");
      field.dataset.wrong = "";
    }
  }
};

const look = async () => {
  asking?.abort();
  asking = new AbortController();
  const asked = new URLSearchParams({ row: box.dataset.row });
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && name !== "csrfmiddlewaretoken") asked.append(name, value);
  }
  try {
    const answer = await fetch(`${box.dataset.address}?${asked}`, { signal: asking.signal });
    if (!answer.ok) return;
    const { shown, errors } = await answer.json();
    tell(errors);
    box.innerHTML = shown;
  } catch (error) {
    // A later question took its place, or the server is away: what stands there stays.
    if (error.name !== "AbortError") console.warn(error);
  }
};

const later = () => {
  clearTimeout(waiting);
  waiting = setTimeout(look, 250);
};

form.addEventListener("input", later);
form.addEventListener("change", later);
// Fields that are searched tell of a choice through jQuery alone.
window.django?.jQuery(form).on("change", "select", later);
look();
