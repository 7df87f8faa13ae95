"""The HTML report: its data, and what a real browser makes of it."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuitgraph as cg
from circuitgraph.communities import Partition
from circuitgraph.errors import FileError, ShapeError, StructureError
from circuitgraph.pictures import report
from circuitgraph.pictures.page import report_data
from circuitgraph.structural import Fraction, Magnitude, Prune

HOSTILE = "<script>hacked=1"
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-quic --window-size=1300,900"
)


def example() -> cg.Network:
    c = cg.Circuit(attributes={"source": "</script><script>window.hacked=2</script>"})
    c = c.add("image", (3, 6, 6)).connect("image", "l1", cg.Conv(3), units=5, neuron=cg.ReLU())
    c = c.connect("l1", "out", cg.Dense(), units=4).connect("out", "out", cg.Dense(), delay=1, sign=-1)
    c = c.add(HOSTILE, 2).connect(HOSTILE, "out", cg.Dense(), name="<img src=x onerror=alert(1)>")
    net = cg.compile(c)
    net.log.watch["</script> mean"] = lambda c: float(c.projections[0].weight.mean())
    for step in (5, 9):
        net.log.step = step
        Prune(Magnitude(), Fraction(0.25))(net, reason="<b>weak</b>")
    return net


def columns(table: dict[str, Any]) -> list[dict[str, Any]]:
    keys = [c["key"] for c in table["columns"]]
    return [dict(zip(keys, row, strict=True)) for row in table["rows"]]


def test_tables_hold_what_the_circuit_says() -> None:
    c = example().snapshot()
    data = report_data(c)
    assert [(r["name"], r["units"], r["neurons"]) for r in columns(data["populations"])] == [
        (p.name, p.n_units, p.n_neurons) for p in c.populations
    ]
    described = c.describe()
    for row in columns(data["projections"]):
        assert row["n_slots"] == c.projection(row["name"]).n_slots
        assert row["density"] == pytest.approx(described.at[row["name"], "density"], rel=1e-3)
        assert row["negative"] == pytest.approx(described.at[row["name"], "negative"], rel=1e-3)


def test_degrees_in_the_report_are_means_over_all_units() -> None:
    c = cg.Circuit().add("x", 4).connect("x", "y", cg.Explicit([0, 0, 1], [0, 1, 1]), units=2)
    rows = {r["name"]: r for r in columns(report_data(c)["populations"])}
    assert (rows["x"]["out"], rows["y"]["in"]) == (0.75, 1.5)


def test_a_large_circuit_is_aggregated(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n, e = 30_000, 200_000
    keys = np.unique(rng.integers(0, n * n, e))
    c = cg.Circuit().add("x", n).connect("x", "x", cg.Explicit(keys // n, keys % n), delay=1)
    labels = np.arange(n) // 3000
    out = report(c, tmp_path / "large.html", order=Partition(labels))
    assert out.stat().st_size < 1_500_000
    (found,) = report_data(c, order=labels)["adjacency"]["orders"]
    assert (found["bins"], found["kind"], len(found["names"])) == (240, "share", 10)


def test_many_populations_are_cut_to_the_largest_and_said() -> None:
    c = cg.Circuit()
    for k in range(300):
        c = c.add(f"p{k}", k + 1)
    data = report_data(c)
    assert len(data["diagram"]["boxes"]) == 250
    assert data["diagram"]["hidden"] == [50, 0]
    assert {"p299", "p50"} <= {box["name"] for box in data["diagram"]["boxes"]}
    assert len(data["populations"]["rows"]) == 300


def test_the_page_is_whole_valid_and_closed_to_the_outside(tmp_path: Path) -> None:
    text = report(example(), tmp_path / "x.html", title="</title><script>window.hacked=3</script>").read_text("utf-8")
    assert text.count("<script") == 2
    assert "</title>&lt;" not in text
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy[1]
    data = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert data
    assert json.loads(data[1])["title"].startswith("</title>")


def test_a_file_is_read_and_named(tmp_path: Path) -> None:
    cg.save(example().snapshot(), tmp_path / "c.safetensors")
    out = report(tmp_path / "c.safetensors", tmp_path / "c.html")
    assert "<title>c.safetensors</title>" in out.read_text("utf-8")


def test_bad_sources_and_orders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match="expected a Circuit or a Network"):
        report(3, tmp_path / "x.html")
    with pytest.raises(StructureError, match="empty circuit"):
        report(cg.Circuit(), tmp_path / "x.html")
    with pytest.raises(ShapeError, match="one label per node"):
        report(example(), tmp_path / "x.html", order=[0, 1])
    (tmp_path / "bad").write_bytes(b"nothing")
    with pytest.raises(FileError, match="bad"):
        report(tmp_path / "bad", tmp_path / "x.html")
    assert not (tmp_path / "x.html").exists()


# In a real browser.


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start headless Chromium with a profile of its own; skip where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield made
    made.quit()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(example(), tmp_path_factory.mktemp("report") / "report.html", title="</title><script>window.hacked=3")


@pytest.fixture
def page(browser: Any, file: Path) -> Any:
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(file.as_uri())
    return browser


def texts(page: Any, selector: str) -> list[str]:
    return page.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", selector
    )


def click(page: Any, name: str, kind: str = "population") -> None:
    """Click in the middle of a box or an arrow of the diagram."""
    found = page.find_elements("css selector", f"#view [data-kind={kind}]")
    (element,) = [e for e in found if e.get_attribute("data-name") == name]
    page.execute_script("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", element)


def panel(page: Any) -> dict[str, str]:
    return dict(zip(texts(page, "#panel dt"), texts(page, "#panel dd"), strict=True))


def test_nothing_is_fetched_and_nothing_goes_wrong(page: Any, file: Path) -> None:
    page.execute_script("return 1")
    sent = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [m["params"] for m in sent if m["method"] == "Network.requestWillBeSent"]
    urls = {a["request"]["url"] for a in asked if a["documentURL"] == file.as_uri()}
    assert {url for url in urls if not url.startswith("data:")} == {file.as_uri()}
    assert page.get_log("browser") == []


def test_the_policy_stops_what_would_be_fetched(page: Any) -> None:
    said = page.execute_async_script(
        "const done = arguments[0]; fetch('https://example.org').then(() => done('sent'), (e) => done(String(e)))"
    )
    assert "Failed to fetch" in said
    assert any("Content Security Policy" in entry["message"] for entry in page.get_log("browser"))


def test_names_are_text_and_never_run(page: Any) -> None:
    assert page.execute_script("return window.hacked") is None
    assert page.title == "</title><script>window.hacked=3"
    assert HOSTILE in texts(page, "#populations td")
    assert "<img src=x onerror=alert(1)>" in texts(page, "#projections td")
    assert page.find_elements("css selector", "img") == []
    assert "<b>weak</b>" in texts(page, "#log td")


def test_numbers_in_the_tables_are_the_circuits(page: Any) -> None:
    c = example().snapshot()
    rows = page.execute_script(
        "const all = document.querySelectorAll('#projections tbody tr');"
        "return [...all].map((r) => [...r.cells].map((c) => c.textContent))"
    )
    heads = texts(page, "#projections th")
    assert len(rows) == len(c.projections)
    for row in rows:
        p = c.projection(row[0])
        said = dict(zip(heads, row, strict=True))
        assert (said["pre"], said["post"]) == (p.pre, p.post)
        assert int(said["slots"].replace(",", "")) == p.n_slots
        assert int(said["synapses"].replace(",", "")) == p.topology.n_synapses(*c.shapes(p))
        assert float(said["mean weight"]) == pytest.approx(float(p.weight.mean()), rel=2e-3)
    assert texts(page, "#summary") == [c.summary()]


def test_the_diagram_has_a_thing_to_click_for_each_part(page: Any) -> None:
    c = example().snapshot()
    shown = page.execute_script(
        "return [...document.querySelectorAll('#view [role=button]')].map((e) => e.dataset.name)"
    )
    assert sorted(shown) == sorted([*(p.name for p in c.populations), *(p.name for p in c.projections)])


def test_clicking_a_population_shows_its_panel(page: Any) -> None:
    click(page, "l1")
    assert texts(page, "#panel h3")[0] == "population l1"
    assert panel(page)["units"] == "5"
    assert texts(page, "#panel li button") == ["image->l1", "l1->out"]
    assert texts(page, "#populations tr.chosen td")[0] == "l1"


def test_clicking_a_projection_shows_a_histogram_of_all_its_weights(page: Any) -> None:
    p = example().snapshot().projection("image->l1")
    click(page, p.name, "projection")
    assert panel(page)["slots"] == str(p.n_slots)
    counts = [int(t.split(": ")[1].split()[0]) for t in texts(page, "#panel rect.bar title")]
    assert sum(counts) == p.n_slots


def test_the_filter_hides_rows_and_fades_the_diagram(page: Any) -> None:
    box = page.find_element("id", "filter")
    box.send_keys("image")
    visible = (
        "const all = document.querySelectorAll(arguments[0]);"
        "return [...all].filter((r) => !r.hidden).map((r) => r.cells[0].textContent)"
    )
    assert page.execute_script(visible, "#populations tbody tr") == ["image"]
    assert page.execute_script(visible, "#projections tbody tr") == ["image->l1"]
    assert "faded" in page.find_element("css selector", "#view [data-name=out]").get_attribute("class")
    assert texts(page, "#matches") == ["2 of 8"]
    box.clear()
    box.send_keys(" ")
    assert len(page.execute_script(visible, "#populations tbody tr")) == 4


def test_tables_sort_by_number_up_and_down(page: Any) -> None:
    head = next(h for h in page.find_elements("css selector", "#projections th button") if h.text == "slots")
    at = texts(page, "#projections th").index("slots") + 1
    for way in (1, -1):
        page.execute_script("arguments[0].click()", head)
        shown = [int(t.replace(",", "")) for t in texts(page, f"#projections tbody td:nth-child({at})")]
        assert shown == sorted(shown, reverse=way < 0)
    assert head.find_element("xpath", "..").get_attribute("aria-sort") == "descending"


def test_everything_can_be_reached_with_the_keyboard(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    reached: list[str] = []
    for _ in range(60):
        page.switch_to.active_element.send_keys(Keys.TAB)
        name = page.switch_to.active_element.get_attribute("data-name")
        if name:
            reached.append(name)
        if name == "out":
            page.switch_to.active_element.send_keys(Keys.ENTER)
            break
    assert "image" in reached
    assert texts(page, "#panel h3")[0] == "population out"
    view = page.find_element("id", "view")
    wide = [float(view.get_dom_attribute("viewBox").split()[2])]
    page.execute_script("arguments[0].focus()", view)
    for key in ("+", "-", "-"):
        page.switch_to.active_element.send_keys(key)
        wide.append(float(view.get_dom_attribute("viewBox").split()[2]))
    assert wide[1] < wide[0] < wide[3]


def test_the_matrix_says_the_weight_under_the_cursor(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    canvas = page.find_element("id", "matrix")
    data = report_data(example())["adjacency"]
    assert int(canvas.get_attribute("width")) == data["n"] == 14
    canvas.send_keys(Keys.ARROW_DOWN)
    assert texts(page, "#matrix-said")[0].startswith("row 1 (community 0) to column 0 (community 0): ")
    page.execute_script("arguments[0].click()", page.find_elements("css selector", "#orders button")[1])
    c, a = example().snapshot(), cg.to_adjacency(example().snapshot()).toarray()
    assert "order of their populations" in texts(page, "#adjacency-note")[0]
    for _ in range(2):
        canvas.send_keys(Keys.ARROW_RIGHT)
    for column in range(3, 8):
        canvas.send_keys(Keys.ARROW_RIGHT)
        said = texts(page, "#matrix-said")[0]
        assert said.startswith(f"row 1 (image) to column {column} (l1): weight ")
        assert float(said.split("weight ")[1]) == pytest.approx(a[1, column], rel=1e-3)
    assert a.shape == (c.n_units, c.n_units)


def test_the_log_shows_its_curves_and_edits(page: Any) -> None:
    captions = texts(page, "#log-charts figcaption")
    assert captions[0].startswith("slots;")
    assert any(c.startswith("</script> mean") for c in captions)
    assert len(texts(page, "#log tbody tr")) == 2


def test_dark_and_light_change_the_paper(page: Any) -> None:
    paper = "return getComputedStyle(document.body).backgroundColor"
    light = page.execute_script(paper)
    page.find_element("id", "theme").click()
    assert page.execute_script(paper) != light
    page.find_element("id", "theme").click()
    assert page.execute_script(paper) == light


def test_no_label_of_the_diagram_runs_out_of_its_box(page: Any) -> None:
    wide = page.execute_script(
        "return [...document.querySelectorAll('#view .box')].map((g) => [g.querySelector('rect').getBBox().width, "
        "Math.max(...[...g.querySelectorAll('text')].map((t) => t.getBBox().width))])"
    )
    assert all(text <= box for box, text in wide)
