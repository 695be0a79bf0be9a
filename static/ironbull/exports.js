// Shows how far the exports are, until none is under way.
const look = async () => {
  const answer = await fetch(location.href);
  if (answer.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.getElementById("exports").replaceWith(page.getElementById("exports"));
    if (!page.querySelector("script[src$='exports.js']")) return;
  }
  setTimeout(look, 2000);
};
setTimeout(look, 1000);
