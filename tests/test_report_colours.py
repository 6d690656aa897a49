"""The colours of the figures: they differ for every sight, and from the page."""

import pytest
from colours import PAPERS, SIGHT, contrast, least, rgb

from xling.report import style


@pytest.mark.parametrize("scheme", PAPERS)
@pytest.mark.parametrize("sight", SIGHT)
def test_colours_differ_for_every_sight(sight, scheme):
    def shown(colour):
        return style.DARK[colour] if scheme == "dark" else colour

    assert least([shown(colour) for colour in style.LINES], sight) > 15
    signs = [shown(f"rgb({hue})") for hue in style.HUES.values()]
    assert least(signs, sight) > 30
    for colour in (*style.LINES, f"rgb({style.HEADS})", f"rgb({style.HUES['+']})"):
        assert contrast(rgb(shown(colour)), rgb(PAPERS[scheme])) >= 3
    for hue in style.HUES.values():  # more than the base rate against less
        strong = [0.8 * rgb(hue) + 0.2, 0.6 * rgb(style.GREY) + 0.4]
        assert least([f"rgb({','.join(map(str, 255 * colour))})" for colour in strong], sight) > 10
