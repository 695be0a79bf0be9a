// Shows the document that the page names.
const place = document.getElementById("document");
window.SwaggerUIBundle({
  url: place.dataset.url,
  dom_id: "#document",
  deepLinking: true,
  defaultModelsExpandDepth: -1,
});
