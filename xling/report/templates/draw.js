// Draws the figures of a page. The arrow keys go through the marks of a figure that has the focus
// and show what the mouse would be told.
const moves = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1};

function point(mark) {
  const {x, y, width, height} = mark.getBoundingClientRect();
  const at = {bubbles: true, clientX: x + width / 2, clientY: y + height / 2};
  for (const type of ["pointerover", "pointermove"]) mark.dispatchEvent(new PointerEvent(type, at));
}

function reach(figure) {
  let place = -1;
  figure.tabIndex = 0;
  figure.addEventListener("keydown", event => {
    const marks = [...figure.querySelectorAll(
      ".role-mark:is(.mark-rect, .mark-symbol) > path[aria-label]:not([fill=transparent])")];
    if (event.target !== figure || !marks.length || !(event.key in moves)) return;
    event.preventDefault();
    marks[place]?.classList.remove("reached");
    place = (place + moves[event.key] + marks.length) % marks.length;
    marks[place].classList.add("reached");
    point(marks[place]);
  });
  figure.addEventListener("blur", () => {
    for (const mark of figure.querySelectorAll(".reached")) mark.classList.remove("reached");
    document.querySelector("#vg-tooltip-element")?.classList.remove("visible");
    place = -1;
  });
}

for (const figure of document.querySelectorAll("figure.chart"))
  vegaEmbed(figure.querySelector(".drawing"), JSON.parse(figure.querySelector("script").textContent), {
    renderer: "svg", ast: true, i18n: {CLICK_TO_VIEW_ACTIONS: "Save this figure"},
    actions: {export: true, source: false, compiled: false, editor: false},
  }).then(() => {
    figure.querySelector("summary").setAttribute("aria-label", "Save this figure");
    reach(figure);
  });
