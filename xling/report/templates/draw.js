// Draws the figures of a page.
for (const figure of document.querySelectorAll("figure.chart"))
  vegaEmbed(figure.querySelector(".drawing"), JSON.parse(figure.querySelector("script").textContent), {
    renderer: "svg", ast: true, i18n: {CLICK_TO_VIEW_ACTIONS: "Save this figure"},
    actions: {export: true, source: false, compiled: false, editor: false},
  }).then(() => figure.querySelector("summary").setAttribute("aria-label", "Save this figure"));
