"""Activation maximisation, against what is known of the maximiser and of the pictures it may reach."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision import models as zoo

import xai_widgets as xw
from tests.model.nets import plain_cnn
from xai_widgets.anytime import last
from xai_widgets.concepts import canvas
from xai_widgets.concepts.ascent import Penalties
from xai_widgets.concepts.features import PARAMS, Climb, Visualization
from xai_widgets.concepts.objective import Different, likeness
from xai_widgets.concepts.views import Views
from xai_widgets.errors import InputError, ParameterError, UnknownClassError, UnknownLayerError

STILL = {"jitter": 0, "scale": 0, "rotate": 0}
SIDE = 16


def correlation(one: Any, other: Any) -> float:
    return float(np.corrcoef(np.ravel(one), np.ravel(other))[0, 1])


def linear(weights: Tensor) -> nn.Module:
    """One logit, the product of weights `(c, h, w)` and the picture."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(weights.numel(), 1, bias=False))
    net[1].weight.data = weights.reshape(1, -1)  # type: ignore[union-attr, operator]
    return net.eval()


def smooth_weights() -> Tensor:
    """A blob of one colour: what every parametrisation can draw."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, SIDE), torch.linspace(-1, 1, SIDE), indexing="ij")
    return torch.stack([torch.exp(-4 * (x**2 + y**2)) - 0.3] * 3)


def deep() -> xw.Model:
    torch.manual_seed(0)
    return xw.Model(plain_cnn().eval(), preprocess=([0.5] * 3, [0.25] * 3))


def as_bytes(found: Visualization) -> tuple[bytes, bytes, bytes]:
    return found.pictures.tobytes(), found.history.tobytes(), found.scores.tobytes()


@pytest.mark.parametrize("kind", canvas.KINDS)
def test_the_maximiser_of_a_linear_network_is_its_weights(kind: str) -> None:
    weights = smooth_weights()
    model = xw.Model(linear(weights))
    found = xw.visualize(model, 0, parametrisation=kind, steps=64, size=SIDE, **STILL)
    picture = found.picture.astype(float).transpose(2, 0, 1)
    assert correlation(picture, weights) > 0.7
    # The score is what the weights make of the very picture.
    assert found.scores[0] == pytest.approx(float((weights.numpy() * picture / 255).sum()), rel=0.02)
    assert found.history[-1, 0] > found.history[0, 0]


def test_the_maximiser_of_a_convolution_at_one_place_is_its_kernel_there() -> None:
    torch.manual_seed(3)
    net = nn.Sequential(nn.Conv2d(3, 2, 5, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    kernel = net[0].weight[1].detach()
    target = xw.Neuron("0", 1, (4, 6))
    found = xw.visualize(net, target, parametrisation="pixels", steps=32, size=SIDE, **STILL)
    seen = found.picture.astype(float).transpose(2, 0, 1)[:, 4:9, 6:11] - 127.5
    assert correlation(seen, kernel) > 0.8
    # Elsewhere nothing has mattered.
    mattered = found.importance[0] > 0
    expected = np.zeros((SIDE, SIDE), bool)
    expected[4:9, 6:11] = True
    assert (mattered == expected).all()


def test_a_direction_is_the_weighted_sum_of_its_channels() -> None:
    model, x = deep(), torch.rand(2, 3, SIDE, SIDE)
    vector = [0.5, -1.0, 0.0, 2.0]
    found = model.outputs(x, xw.Direction("0", vector))
    by_channel = [model.outputs(x, xw.Channel("0", k)) for k in range(4)]
    torch.testing.assert_close(found, sum(v * one for v, one in zip(vector, by_channel, strict=True)))
    powered = model.outputs(x, xw.Direction("0", vector, power=2))
    maps = model.module[0](x).detach()
    want = []
    for picture in maps:
        columns = picture.flatten(1).T
        along = columns @ torch.tensor(vector)
        cosine = along / columns.norm(dim=1) / torch.tensor(vector).norm()
        want.append((along * cosine.clamp(min=0.1) ** 2).mean())
    torch.testing.assert_close(powered, torch.stack(want))


@pytest.mark.parametrize("size", [(6, 8), (5, 7)])
def test_the_fourier_canvas_is_a_sum_of_waves(size: tuple[int, int]) -> None:
    """Against the inverse transform written out, at even and odd sizes."""
    height, width = size
    made = canvas.fourier(1, (1, *size), torch.Generator().manual_seed(0))
    values = torch.view_as_complex(made.parameter.detach())[0, 0]
    expected = torch.zeros(size)
    for y in range(height):
        for x in range(width):
            for k in range(height):
                for j in range(width // 2 + 1):
                    down, across = (k if k <= (height - 1) // 2 else k - height) / height, j / width
                    steep = max((down**2 + across**2) ** 0.5, 1 / max(size))
                    wave = torch.exp(torch.tensor(2j * torch.pi * (k * y / height + j * x / width)))
                    twice = 1 if j == 0 or 2 * j == width else 2  # the other half of the spectrum
                    expected[y, x] += twice * (values[k, j] * canvas.FREQUENCY_GAIN / steep * wave).real
    expected /= (height * width) ** 0.5
    torch.testing.assert_close(made.draw(made.parameter).detach()[0, 0], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("side", [16, 15])
def test_maco_keeps_every_magnitude(side: int) -> None:
    shape = (1, side, side + 2)
    magnitude = canvas.one_over_f(shape)
    made = canvas.maco(2, shape, torch.Generator().manual_seed(1), magnitude)
    with torch.no_grad():
        made.parameter.add_(torch.randn(made.parameter.shape))  # wherever the phases go
    spectrum = torch.fft.rfft2(made.draw(made.parameter).detach(), norm="ortho")
    torch.testing.assert_close(spectrum.abs(), magnitude.expand_as(spectrum), atol=1e-4, rtol=1e-4)


def test_the_one_over_f_law_falls_as_it_says_and_has_the_contrast_it_says() -> None:
    magnitude = canvas.one_over_f((1, 32, 32))[0]
    assert magnitude[0, 0] == 0
    assert magnitude[0, 2] == pytest.approx(float(magnitude[0, 1]) / 2)
    assert magnitude[3, 4] == pytest.approx(float(magnitude[0, 1]) / 5)  # 3-4-5
    made = canvas.maco(1, (1, 32, 32), torch.Generator().manual_seed(0), magnitude[None])
    drawn = made.draw(made.parameter).detach()
    assert float(drawn.std(unbiased=False)) == pytest.approx(canvas.CONTRAST, rel=1e-4)


def test_the_magnitudes_of_pictures_are_those_that_draw_them() -> None:
    # At odd sizes no frequency but 0 is its own mirror image, whose phase could not move.
    pictures = torch.rand(1, 3, 11, 9, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1
    magnitude = canvas.magnitude_of(pictures)
    free = canvas.uncoloured(pictures.logit())
    phase = torch.fft.rfft2(free, norm="ortho").angle()
    phase[..., 0, 0] = 0  # the sign of the mean is in the magnitude
    made = canvas.maco(1, (3, 11, 9), torch.Generator(), magnitude)
    torch.testing.assert_close(made.draw(phase).sigmoid(), pictures, atol=1e-4, rtol=1e-4)


def test_maco_says_where_its_spectrum_is_from() -> None:
    model = deep()
    given = [np.full((SIDE, SIDE, 3), level, np.uint8) for level in (60, 180)]
    law = xw.visualize(model, 0, parametrisation="maco", steps=16, size=SIDE)
    data = xw.visualize(model, 0, parametrisation="maco", steps=16, size=SIDE, spectrum=given)
    assert "the 1/f law" in law.evidence["spectrum"].sentence
    assert "the mean of 2 pictures" in data.evidence["spectrum"].sentence
    assert data.params["spectrum"] == "the mean of 2 pictures"
    # Pictures of one colour have no frequency but the mean.
    assert np.ptp(data.picture.reshape(-1, 3), axis=0).max() <= 1
    with pytest.raises(ParameterError, match="holds no spectrum"):
        xw.visualize(model, 0, spectrum=given)


def test_views_without_movement_are_the_picture_and_a_shift_is_a_shift() -> None:
    picture = torch.rand(1, 3, 10, 12)
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(Views(0, 0, 0, 0).of(picture, generator), picture)
    ramp = torch.arange(32.0).expand(1, 1, 32, 32)
    moved = Views(jitter=3, scale=0, rotate=0).of(ramp, generator)
    inner = (moved - ramp)[0, 0, 8:24, 8:24]
    assert float(inner.std()) < 1e-3
    assert 0 < abs(float(inner.mean())) <= 3


def test_views_turn_without_stretching() -> None:
    """On a picture that is not square, what is turned by 90 degrees keeps its proportions."""
    y, x = torch.meshgrid(torch.arange(40.0) - 19.5, torch.arange(20.0) - 9.5, indexing="ij")
    disc = (x**2 + y**2 < 36).float()[None, None]
    for seed in range(3):
        turned = Views(jitter=0, scale=0, rotate=45).of(disc, torch.Generator().manual_seed(seed))
        torch.testing.assert_close(turned, disc, atol=0.75, rtol=0)
        assert float((turned - disc).abs().mean()) < 0.02


@pytest.mark.parametrize("kind", canvas.KINDS)
def test_the_same_seed_gives_the_same_picture_and_another_one_another(kind: str) -> None:
    def once(seed: int) -> Visualization:
        return xw.visualize(deep(), 1, parametrisation=kind, steps=16, size=SIDE, seed=seed)

    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = once(0)
    torch.manual_seed(5)
    assert as_bytes(first) == as_bytes(once(0))
    assert as_bytes(first) != as_bytes(once(1))
    torch.manual_seed(5)
    model = deep()
    state = torch.get_rng_state()
    xw.visualize(model, 1, parametrisation=kind, steps=16, size=SIDE)
    assert torch.equal(torch.get_rng_state(), state)  # nobody else's random numbers are used up


def test_leaving_and_going_on_gives_what_an_unbroken_run_gives() -> None:
    whole = xw.visualize(deep(), 1, steps=40, size=SIDE, count=2, diversity=0.5)
    settings = {"steps": 40, "count": 2, "diversity": 0.5}
    climb = Climb.begun(deep(), 1, settings, size=SIDE)
    for until in (3, 17, 18):
        assert last(climb.steps(until)).value.iterations == until
    left = climb.steps(40)
    assert not next(left).final
    left.close()
    assert 18 < climb.ascent.iterations < 40
    assert as_bytes(last(climb.steps(40)).value) == as_bytes(whole)


def test_steps_never_go_back_and_end_with_the_result() -> None:
    steps = list(xw.visualize_steps(deep(), 1, steps=48, size=SIDE))
    assert len(steps) >= 3
    assert all(one.done <= other.done for one, other in pairwise(steps))
    assert [step.final for step in steps] == [False] * (len(steps) - 1) + [True]
    assert all(np.isfinite(step.value.history).all() for step in steps)
    assert as_bytes(steps[-1].value) == as_bytes(xw.visualize(deep(), 1, steps=48, size=SIDE))
    assert steps[-1].value.history.shape == (48, 1)


def test_the_model_is_untouched_between_two_steps() -> None:
    net = plain_cnn().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    for _ in xw.visualize_steps(net, xw.Channel("4", 2), steps=32, size=SIDE, count=2, diversity=1.0):
        assert all(child.training for child in net.modules())
        assert all(weight.requires_grad and weight.grad is None for weight in net.parameters())
        assert not any(child._forward_hooks for child in net.modules())
        for name, value in net.state_dict().items():
            assert torch.equal(value, before[name])


def test_it_runs_whatever_grad_mode_it_is_asked_in() -> None:
    plain, model = xw.visualize(deep(), 1, steps=16, size=SIDE), deep()
    with torch.inference_mode():
        steps = xw.visualize_steps(model, 1, steps=16, size=SIDE)
        next(steps)
    with torch.no_grad():
        assert as_bytes(last(steps).value) == as_bytes(plain)


def test_diversity_drives_pictures_apart() -> None:
    def alike(diversity: float) -> float:
        model = deep()
        found = xw.visualize(
            model, xw.Channel("4", 2), steps=48, size=24, count=3, diversity=diversity, **STILL
        )
        pixels = torch.from_numpy(found.pictures).permute(0, 3, 1, 2) / 255
        caught: dict[str, Tensor] = {}
        hook = model.module[4].register_forward_hook(lambda _m, _i, out: caught.update(maps=out))
        model.module(model.normalise(pixels))
        hook.remove()
        return float(likeness(caught["maps"].detach()).mean())

    assert alike(2.0) < alike(0.0) - 0.02


def test_a_network_that_takes_one_picture_at_a_time_keeps_none_apart_and_says_so() -> None:
    model = deep()
    settings = {"steps": 16, "size": SIDE, "count": 2, "diversity": 1.0}
    apart = xw.visualize(model, 1, **settings)
    assert "diversity" not in {check.name for check in apart.evidence.checks}
    model.batch_limit = 1
    assert xw.visualize(model, 1, **settings).evidence["diversity"].verdict == "doubtful"


def test_likeness_is_the_mean_cosine_of_gram_matrices() -> None:
    maps = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    grams = [(one.flatten(1) @ one.flatten(1).T).flatten() for one in maps]
    cosine = lambda a, b: float(a @ b / a.norm() / b.norm())  # noqa: E731
    for i, found in enumerate(likeness(maps).tolist()):
        others = [cosine(grams[i], grams[j]) for j in range(3) if j != i]
        assert found == pytest.approx(sum(others) / 2, rel=1e-5)
    assert likeness(maps[:1]).tolist() == [0.0]


def test_diversity_costs_a_share_of_the_score() -> None:
    maps = {"layer": torch.rand(3, 4, 5, 5)}
    target = xw.Channel("layer", 1)
    scores = target.of(torch.empty(3, 0), maps)
    paid = Different(target, "layer", 0.5).of(torch.empty(3, 0), maps)
    torch.testing.assert_close(paid, scores - 0.5 * scores.abs() * likeness(maps["layer"]))


def test_penalties_from_their_definitions() -> None:
    drawn = torch.randn(2, 3, 6, 8)
    pixels = drawn.sigmoid()
    root = (3 * 6 * 8) ** 0.5
    down = (pixels[:, :, 1:] - pixels[:, :, :-1]).abs().sum()
    across = (pixels[:, :, :, 1:] - pixels[:, :, :, :-1]).abs().sum()
    torch.testing.assert_close(Penalties(variation=2).of(drawn, pixels), 2 * (down + across) / root)
    torch.testing.assert_close(Penalties(energy=3).of(drawn, pixels), 3 * (drawn**2).sum() / root)
    assert float(Penalties(frequency=1).of(torch.ones(1, 3, 6, 8), pixels)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", ["variation", "frequency"])
def test_what_is_paid_for_becomes_less(name: str) -> None:
    def roughness(weight: float) -> float:
        found = xw.visualize(deep(), 1, parametrisation="pixels", steps=48, size=24, **{name: weight})
        picture = found.picture.astype(float)
        return float(np.abs(np.diff(picture, axis=0)).mean())

    assert roughness(1.0) < 0.8 * roughness(0.0)


def test_a_unit_that_is_silent_at_first_is_woken() -> None:
    """Its ReLU is closed for everything that is nearly grey, and passes no gradient back."""
    net = nn.Sequential(nn.Conv2d(3, 1, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    net[0].weight.data = torch.full((1, 3, 3, 3), 0.1)
    net[0].bias.data = torch.tensor([-1.8])
    found = xw.visualize(net, 0, parametrisation="pixels", steps=64, size=SIDE, **STILL)
    assert found.history[0, 0] == 0
    assert found.scores[0] > 0.3
    assert found.evidence["silence"].verdict == "holds"


@pytest.mark.parametrize(
    ("net", "layer"),
    [
        (lambda: zoo.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=4), "encoder.layers.encoder_layer_0"),
        (
            lambda: zoo.SwinTransformer([4, 4], 12, [2], [2], [4, 4], num_classes=4),
            "features.1",
        ),
        (lambda: zoo.squeezenet1_1(weights=None), "features.3"),
    ],
    ids=["vit", "swin", "squeezenet"],
)
def test_architectures_give_pictures(net: Any, layer: str) -> None:
    torch.manual_seed(0)
    model = xw.Model(net().eval())
    for target in (xw.Channel(layer, 3), xw.Neuron(layer, 3, (1, 1)), 1):
        found = xw.visualize(model, target, steps=16, size=32, count=2, diversity=0.5)
        assert found.pictures.shape == (2, 32, 32, 3)
        assert np.isfinite(found.history).all()
        if target != 1:  # an untrained ViT starts with a head of zeros
            assert float(np.ptp(found.pictures)) > 0


def test_grey_networks_and_other_sizes() -> None:
    found = xw.visualize(plain_cnn(channels=1).eval(), 2, steps=16, size=(12, 20))
    assert found.pictures.shape == (1, 12, 20, 3)
    assert (found.picture[..., 0] == found.picture[..., 1]).all()


def test_double_precision_stays_and_pictures_are_the_same_size_as_what_was_seen() -> None:
    model = xw.Model(plain_cnn().double().eval())
    model.layers(torch.rand(1, 3, 20, 24))
    found = xw.visualize(model, 1, steps=16)
    assert found.pictures.shape == (1, 20, 24, 3)
    assert model.dtype == torch.float64


@pytest.mark.parametrize(
    ("target", "settings", "kind", "words"),
    [
        (xw.Channel("9x", 0), {}, UnknownLayerError, "no layer '9x'"),
        (xw.Channel("4", 99), {}, ParameterError, "no unit 99"),
        (xw.Direction("4", [1.0, 2.0]), {}, ParameterError, "2 numbers"),
        (77, {}, UnknownClassError, "no class 77"),
        (None, {}, ParameterError, "Give a target"),
        (0, {"steps": 0}, ParameterError, "steps of visualize"),
        (0, {"parametrisation": "oil"}, ParameterError, "can't be 'oil'"),
        (0, {"seed": -1}, ParameterError, "seed"),
        (0, {"size": (3, 3)}, ParameterError, "size"),
        (0, {"parametrisation": "maco", "spectrum": []}, InputError, "no pictures"),
    ],
)
def test_what_is_wrong_is_said_at_once(
    target: Any, settings: dict[str, Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        xw.visualize_steps(deep(), target, **({"size": SIDE} | settings))


def test_a_direction_needs_numbers() -> None:
    for vector in ([0.0, 0.0], [float("nan"), 1.0]):
        with pytest.raises(ParameterError, match="finite numbers"):
            xw.Direction("4", vector)


def test_code_makes_the_same_pictures() -> None:
    model = deep()
    found = xw.visualize(model, xw.Channel("4", 2), steps=16, size=SIDE, seed=3, rotate=9)
    scope: dict[str, Any] = {"model": model}
    exec(found.to_code(), scope)
    assert as_bytes(scope["found"]) == as_bytes(found)


def test_saved_pictures_are_the_pictures(tmp_path: Any) -> None:
    found = xw.visualize(deep(), 1, steps=16, size=SIDE, count=2)
    written = np.asarray(Image.open(found.save(tmp_path / "two.png")))
    assert (written == np.concatenate(list(found.pictures), axis=1)).all()
    with pytest.raises(ParameterError, match="not saved"):
        found.save(tmp_path / "two.doc")
    assert "image/png" in found._repr_mimebundle_()


def test_what_can_be_set_is_declared() -> None:
    assert {"parametrisation", "steps", "count", "diversity", "jitter"} <= {one.name for one in PARAMS}
    assert all(one.help for one in PARAMS)
