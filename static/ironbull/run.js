// Watches a run: how far it is, and the whole page anew once it is over.
const place = document.getElementById("run");
const look = async () => {
  const answer = await fetch(place.dataset.address);
  if (!answer.ok) return;
  const told = await answer.json();
  document.getElementById("run-status").textContent = told.shown;
  document.getElementById("run-progress").value = told.percent;
  document.getElementById("run-done").textContent = `${told.done} / ${told.total}`;
  if (told.is_over) location.reload();
};
setInterval(look, 1000);
