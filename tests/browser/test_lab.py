"""The harness itself: a widget that paints, in both themes, spoken to from the page and from the kernel."""

import pytest

WIDGET = '''
import anywidget, traitlets

class Square(anywidget.AnyWidget):
    _esm = """
    export default { render({ model, el }) {
      const canvas = document.createElement("canvas");
      canvas.className = "square";
      const paint = () => {
        const context = canvas.getContext("2d");
        context.fillStyle = model.get("color");
        context.fillRect(0, 0, canvas.width, canvas.height);
        canvas.dataset.color = model.get("color");
      };
      canvas.onclick = () => { model.set("color", "#0000ff"); model.save_changes(); };
      model.on("change:color", paint);
      paint();
      el.append(canvas);
    } };
    """
    color = traitlets.Unicode("#ff0000").tag(sync=True)

square = Square()
square
'''


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_widget_paints_and_is_two_way(open_notebook, theme):
    notebook = open_notebook([WIDGET], theme=theme, width=700)
    page = notebook.page
    page.wait_for_selector('canvas[data-color="#ff0000"]')
    notebook.run('square.color = "#00ff00"')
    page.wait_for_selector('canvas[data-color="#00ff00"]')
    page.click("canvas.square")
    page.wait_for_selector('canvas[data-color="#0000ff"]')
    notebook.run("while square.color != '#0000ff': import time; time.sleep(0.01)")
    assert notebook.value("square.color") == "#0000ff"
    pixel = page.evaluate(
        "[...document.querySelector('canvas').getContext('2d').getImageData(5, 5, 1, 1).data]"
    )
    assert pixel == [0, 0, 255, 255]
    assert page.evaluate("document.body.dataset.jpThemeLight") == ("true" if theme == "light" else "false")
    assert notebook.problems == []


def test_a_cell_that_raises_is_told(open_notebook):
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        open_notebook(["1 / 0"])


def test_code_that_raises_is_told(open_notebook):
    notebook = open_notebook(["x = 1"])
    assert notebook.run("print(x)") == "1\n"
    with pytest.raises(AssertionError, match="NameError"):
        notebook.run("y")
    notebook.restart_kernel()
    assert notebook.value("'x' in globals()") is False
