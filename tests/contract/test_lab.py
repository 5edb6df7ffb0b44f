"""What every topic of the baseline lab must obey, and every baseline in it: walked over the registries."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import xai_widgets as xw
from tests.contract.test_explainers import same, state
from tests.explain.nets import SIDE, Conv, picture, seeded
from xai_widgets.anytime import Step
from xai_widgets.inputs.baselines import BASELINES
from xai_widgets.live.codec import unpack
from xai_widgets.live.messages import canonical
from xai_widgets.widgets.baseline_lab import RESULTS, LabPanel
from xai_widgets.widgets.lab_topics import TOPICS
from xai_widgets.widgets.scene import Scene

STROKES = [{"color": "#aa3311", "size": 0.3, "points": [[0.2, 0.2], [0.7, 0.4]]}]
MORE = {"image": {"image": 1}, "painted": {"strokes": STROKES}, "distribution": {"count": 2}}
STEPPED = [topic for topic in TOPICS if topic != "baseline"]


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene(xw.Model(seeded(Conv)), [picture(k) for k in range(5)])
    yield made
    made.close()


def wish(topic: str, **more: Any) -> dict[str, Any]:
    rest: dict[str, Any] = {
        "baseline": {"baseline": {"name": "black"}},
        "path": {"baseline": {"name": "black"}, "nodes": 17},
        "compare": {"baselines": [{"name": "black"}, {"name": "blur", "sigma": 2.0}, {"name": "mean"}]},
        "references": {"source": "images", "count": 16},
        "ablation": {"baselines": [{"name": "black"}, {"name": "white"}], "fill": "blur"},
    }
    shared = {"image": 0} if topic == "baseline" else {"image": 0, "target": 1, "seed": 0}
    return shared | rest[topic] | more


def steps(scene: Scene, topic: str, **more: Any) -> list[Step[Any]]:
    return list(TOPICS[topic].work(scene, wish(topic, **more)))


def frame(scene: Scene, topic: str, step: Step[Any], **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return meta, as it comes out of JSON, and the arrays as the browser reads them."""
    encoded = TOPICS[topic].encode(scene, wish(topic, **more), step)
    meta = json.loads(json.dumps(encoded.meta, allow_nan=False))
    return meta, {packed.head["name"]: unpack(packed) for packed in encoded.arrays}


def equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(
        np.allclose(one[key], other[key], rtol=1e-4, atol=1e-6, equal_nan=True) for key in one
    )


def test_every_tab_is_a_topic_and_asks_for_what_it_needs() -> None:
    assert set(RESULTS) == set(STEPPED)
    for topic, known in TOPICS.items():
        assert set(known.needs) == set(wish(topic))


@pytest.mark.parametrize("topic", TOPICS)
def test_steps(scene: Scene, topic: str) -> None:
    """`done` never falls, only the last step is final, every frame is whole and speaks strict JSON."""
    done, found = -1.0, steps(scene, topic)
    names: set[str] = set()
    for step in found:
        assert done <= step.done <= 1
        done = step.done
        assert step.error is None or (np.isfinite(step.error) and step.error >= 0)
        meta, arrays = frame(scene, topic, step)
        assert names <= set(arrays), "what was shown once stays"
        names = set(arrays)
        if topic not in ("baseline",):
            assert meta["target"]["label"] == "class 1"
    assert [step.final for step in found] == [False] * (len(found) - 1) + [True]
    assert found[-1].done == 1


@pytest.mark.parametrize("topic", TOPICS)
def test_the_last_step_is_what_is_kept_and_the_seed_settles_it(scene: Scene, topic: str) -> None:
    _, first = frame(scene, topic, steps(scene, topic)[-1])
    kept = steps(scene, topic)
    assert topic in ("baseline", "compare") or len(kept) == 1
    assert equal(first, frame(scene, topic, kept[-1])[1])
    fresh = Scene(xw.Model(seeded(Conv)), [picture(k) for k in range(5)])
    assert equal(first, frame(fresh, topic, steps(fresh, topic)[-1])[1])
    fresh.close()


@pytest.mark.parametrize("topic", ["references", "ablation"])
def test_another_seed_draws_other_numbers(scene: Scene, topic: str) -> None:
    one, other = (frame(scene, topic, steps(scene, topic, seed=seed)[-1], seed=seed)[1] for seed in (0, 1))
    assert not equal(one, other)


def asked(scene: Scene, act: Any) -> list[bytes]:
    """Return every single picture that the network was asked for while something ran."""
    found: list[bytes] = []
    model = scene.model
    for name in ("gradients", "outputs"):
        inner = getattr(model, name)

        def note(inputs: torch.Tensor, target: Any, inner: Any = inner, name: str = name) -> Any:
            found.extend(name.encode() + one.numpy().tobytes() for one in inputs)
            return inner(inputs, target)

        setattr(model, name, note)
    act()
    for name in ("gradients", "outputs"):
        delattr(model, name)
    return found


@pytest.mark.parametrize("topic", STEPPED)
def test_nothing_is_asked_twice(scene: Scene, topic: str) -> None:
    found = asked(scene, lambda: steps(scene, topic))
    if topic == "compare":  # every picture ends its own path, from another baseline
        ends = sum(one.endswith(scene.inputs(0)[0].numpy().tobytes()) for one in found)
        assert ends == 3
        found = [one for one in found if not one.endswith(scene.inputs(0)[0].numpy().tobytes())]
    if topic == "ablation":
        found = [one for one in found if one.startswith(b"outputs")]
    assert found and len(set(found)) == len(found)
    assert asked(scene, lambda: steps(scene, topic)) == [], "and what is known is not asked again"


@pytest.mark.parametrize("topic", STEPPED)
def test_the_model_is_as_it_came_between_steps_and_after_closing(scene: Scene, topic: str) -> None:
    module = scene.model.module
    before = state(module)
    work = TOPICS[topic].work(scene, wish(topic))
    for number, _ in enumerate(work):
        assert same(before, state(module))
        if number == 2:
            work.close()  # type: ignore[attr-defined]
    assert same(before, state(module))


@pytest.mark.parametrize("topic", STEPPED)
def test_a_wish_is_left_as_it_is(scene: Scene, topic: str) -> None:
    given = wish(topic)
    before = copy.deepcopy(given)
    for step in TOPICS[topic].work(scene, given):
        TOPICS[topic].encode(scene, given, step)
    assert given == before


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_is_shown(scene: Scene, name: str) -> None:
    baseline = {"name": name} | MORE.get(name, {})
    meta, arrays = frame(
        scene, "baseline", steps(scene, "baseline", baseline=baseline)[-1], baseline=baseline
    )
    made = scene.baseline(baseline)
    references = made.references(scene.pixels(0))
    expected = (references.mean(dim=0) * 255).round().byte().permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(arrays["picture"], expected)
    near = ((references - scene.pixels(0)).abs() <= 1 / 255).all(dim=0).all(dim=0).numpy()
    np.testing.assert_array_equal(arrays["blind"], near)
    assert meta["blind"] == pytest.approx(near.mean()) and meta["pictures"] == len(references)
    assert meta["label"] == made.label and meta["baseline"] == made.to_json()
    assert scene.baseline(meta["baseline"]).to_json() == meta["baseline"]


@pytest.mark.parametrize("name", [name for name in BASELINES if name != "distribution"])
def test_every_baseline_has_a_path_that_adds_up(scene: Scene, name: str) -> None:
    baseline = {"name": name} | MORE.get(name, {})
    step = steps(scene, "path", baseline=baseline, nodes=129)[-1]
    meta, arrays = frame(scene, "path", step, baseline=baseline, nodes=129)
    assert arrays["maps"].shape == (129, SIDE, SIDE) and meta["evaluations"] == 129
    heights = arrays["maps"].sum(axis=(1, 2), dtype=float)
    total = ((heights[1:] + heights[:-1]) / 2 * np.diff(arrays["nodes"])).sum()
    assert meta["total"] == pytest.approx(float(arrays["outputs"][-1] - arrays["outputs"][0]), abs=1e-5)
    assert total == pytest.approx(meta["sum"], rel=1e-2, abs=1e-5)
    assert total == pytest.approx(meta["total"], rel=0.1, abs=1e-4)


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_is_compared(scene: Scene, name: str) -> None:
    more = {"baselines": [{"name": name} | MORE.get(name, {}), {"name": "color", "color": "#808080"}]}
    meta, arrays = frame(scene, "compare", steps(scene, "compare", **more)[-1], **more)
    assert meta["complete"] == 2 and "error" not in meta["entries"][0]
    assert meta["entries"][0]["evidence"]["line"] and arrays["map_0"].shape == (SIDE, SIDE)
    assert arrays["rank"].shape == (2, 2) and arrays["reference_0"].shape[2] == 3


def test_the_panel_asks_for_exactly_what_the_topics_take(scene: Scene) -> None:
    panel = LabPanel(scene=scene)
    for topic in STEPPED:
        assert set(panel.wish(topic)) == set(TOPICS[topic].needs)
        json.loads(canonical(panel.wish(topic)))
    panel.close()
