"""Relevance propagation and DeepLIFT: by hand, by their promises, and beside Zennit and Captum."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from captum import attr
from torch import Tensor, nn
from torchvision import models

from tests.explain.nets import SIDE, Conv, Tokens, picture, seeded
from xai_widgets.errors import NotValidError
from xai_widgets.explain import METHODS, explain
from xai_widgets.explain.relevance import (
    Layer,
    Relevance,
    Sharing,
    alpha_beta_rule,
    epsilon_rule,
    flat_rule,
    gamma_rule,
)
from xai_widgets.inputs.baselines import Distribution, Image
from xai_widgets.model import Model
from xai_widgets.model.rules import Rules
from xai_widgets.model.targets import ClassTarget


class Plain(nn.Module):
    """No overlapping pools, each activation a module of its own: what every library takes."""

    def __init__(self, biased: bool = True) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1, bias=biased),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1, bias=biased),
            nn.ReLU(),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flat = nn.Flatten()
        self.head = nn.Linear(8, 4, bias=biased)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.flat(self.pool(self.features(x))))


class Block(nn.Module):
    """A residual block that uses one in-place ReLU twice, as torchvision's ResNets do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.conv2, self.bn2 = nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += x
        return self.relu(out)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.blocks = nn.Sequential(Block(), Block())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pool(self.blocks(self.stem(x))).flatten(1))


def _unbiased() -> nn.Module:
    return Plain(biased=False)


def stirred(module: nn.Module) -> nn.Module:
    """Give batch norms statistics of their own, as training would."""
    generator = torch.Generator().manual_seed(5)
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            for tensor in (child.running_mean, child.bias, child.weight):
                tensor.data.normal_(0, 0.5, generator=generator)
            child.running_var.data.uniform_(0.5, 2, generator=generator)
    return module


def shared(module: nn.Module, rules: Callable[[], Relevance], target: int = 2) -> np.ndarray:
    model = Model(module)
    _, gradients, *_ = model.ruled_gradients(picture()[None], ClassTarget(target), rules)
    return (gradients[0] * picture()).double().numpy()


# ---- by hand ----


def test_two_layers_by_hand() -> None:
    """x = (1, 2), h = relu((1·1 - 1·2, 2·1 + 1·2)) = (0, 4), f = 3 h₀ + 0.5 h₁ = 2."""

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Linear(2, 2, bias=False)
            self.two = nn.Linear(2, 1, bias=False)
            self.one.weight.data = torch.tensor([[1.0, -1.0], [2.0, 1.0]])
            self.two.weight.data = torch.tensor([[3.0, 0.5]])

        def forward(self, x: Tensor) -> Tensor:
            return self.two(self.one(x.flatten(1)).relu())

    model = Model(Two().eval(), preprocess=None)
    model.channels = 1
    x = torch.tensor([1.0, 2.0]).view(1, 1, 1, 2)

    def relevance(rule: Sharing) -> list[float]:
        _, gradients, *_ = model.ruled_gradients(x, ClassTarget(0), lambda: Relevance(rule, rule))
        return (gradients * x).flatten().tolist()

    assert relevance(epsilon_rule(1e-6)) == pytest.approx([1, 1], rel=1e-4)
    assert relevance(alpha_beta_rule(1, 0)) == pytest.approx([1, 1], rel=1e-4)
    # γ = 1 leaves the shares as they are where all weights are positive.
    assert relevance(gamma_rule(1.0)) == pytest.approx([1, 1], rel=1e-4)


def test_alpha_beta_by_its_definition() -> None:
    """R_i = Σ_j (α z_ij⁺ / Σ z⁺ - β z_ij⁻ / Σ z⁻) R_j, written out over every pair."""
    generator = np.random.default_rng(0)
    x, weight, relevance = generator.normal(size=5), generator.normal(size=(3, 5)), generator.normal(size=3)
    expected = np.zeros(5)
    for j in range(3):
        z = x * weight[j]
        expected += 2 * np.maximum(z, 0) / np.maximum(z, 0).sum() * relevance[j]
        expected -= np.minimum(z, 0) / np.minimum(z, 0).sum() * relevance[j]
    tensors = [torch.from_numpy(part).float() for part in (x, weight, relevance)]
    z = tensors[0][None] @ tensors[1].T
    layer = Layer(nn.functional.linear, tensors[0][None], tensors[1], None, z)
    found = alpha_beta_rule(2, 1)(layer, tensors[2][None])[0] * tensors[0]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-6)


# ---- beside Zennit ----


RULES = {
    "epsilon": epsilon_rule(1e-9),
    "alpha_beta": alpha_beta_rule(2, 1),
    "gamma": gamma_rule(0.25),
    "plus": alpha_beta_rule(1, 0),
}


def by_zennit(module: nn.Module, rule: str) -> np.ndarray:
    """Return what Zennit gives with the canonizers that this network needs."""
    rules = pytest.importorskip("zennit.rules")
    from zennit import canonizers, types
    from zennit.composites import LayerMapComposite
    from zennit.layer import Sum
    from zennit.torchvision import SequentialMergeBatchNorm

    class Summed(canonizers.AttributeCanonizer):
        """What a sum in a residual block needs there: a module that takes both parts."""

        def __init__(self) -> None:
            super().__init__(self.attributes)

        @staticmethod
        def attributes(name: str, child: nn.Module) -> dict[str, Any] | None:
            def forward(self: nn.Module, x: Tensor) -> Tensor:
                out = self.bn2(self.conv2(nn.functional.relu(self.bn1(self.conv1(x)))))
                return nn.functional.relu(self.summed(torch.stack([out, x], dim=-1)))

            if not isinstance(child, Block):
                return None
            return {"forward": forward.__get__(child), "summed": Sum()}

    theirs = {
        "epsilon": rules.Epsilon(epsilon=1e-9),
        "alpha_beta": rules.AlphaBeta(2, 1),
        "gamma": rules.Gamma(0.25),
        "plus": rules.ZPlus(),
    }[rule]
    merged = [
        ([f"{name}.conv{k}"], f"{name}.bn{k}")
        for name, child in module.named_modules()
        if isinstance(child, Block)
        for k in (1, 2)
    ]
    composite = LayerMapComposite(
        [
            (types.Activation, rules.Pass()),
            (Sum, rules.Norm()),
            (types.AvgPool, rules.Norm()),
            (types.Linear, theirs),
        ],
        canonizers=[SequentialMergeBatchNorm(), canonizers.NamedMergeBatchNorm(merged), Summed()],
    )
    x = picture()[None].clone().requires_grad_()
    with composite.context(module) as modified:
        output = modified(x)
        (found,) = torch.autograd.grad(output[:, 2], x, output[:, 2].detach())
    return found[0].double().numpy()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("net", [Plain, Residual])
def test_rules_of_zennit(rule: str, net: type[nn.Module]) -> None:
    """With its canonizers, Zennit gives what we give without any; batch norms are merged by both."""
    module = stirred(seeded(net))
    theirs = by_zennit(module, rule)
    ours = shared(module, lambda: Relevance(RULES[rule], RULES[rule]))
    np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=3e-4 * np.abs(theirs).max())


# ---- what it promises ----


@pytest.mark.parametrize("build", [lambda: Plain(biased=False), Residual])
def test_epsilon_is_input_times_gradient_where_nothing_is_stabilised(build: Any) -> None:
    module = seeded(build)
    found = shared(module, lambda: Relevance(epsilon_rule(1e-9), epsilon_rule(1e-9)))
    plain = explain(Model(module), picture(), "input_x_gradient", target=2).values
    np.testing.assert_allclose(found, plain, rtol=1e-3, atol=1e-5 * np.abs(found).max())


@pytest.mark.parametrize("method", ["lrp_epsilon", "lrp_gamma", "lrp_composite", "lrp_alpha2_beta1"])
def test_relevance_is_conserved_without_biases(method: str) -> None:
    module = seeded(_unbiased)
    module.features[1] = nn.Identity()
    given = {"epsilon": 1e-6} if "epsilon" in [p.name for p in METHODS[method].params] else {}
    found = explain(Model(module), picture(), method, target=2, **given)
    assert found.evidence["conservation"].figure == pytest.approx(1, abs=0.02)
    assert found.evidence["conservation"].verdict == "holds"


def flat_relevance(module: nn.Module, x: Tensor) -> np.ndarray:
    model = Model(module.eval())
    model.channels = 1
    exact = epsilon_rule(1e-9)
    _, gradients, *_ = model.ruled_gradients(
        x.view(1, 1, 1, -1), ClassTarget(0), lambda: Relevance(exact, exact)
    )
    return (gradients.flatten() * x).double().numpy()


def test_softmax_by_the_equation_of_attn_lrp() -> None:
    """R_i = x_i (R_i' - s_i Σ R'), with R' = w s from the linear layer above (equation 13)."""
    weight, x = torch.tensor([0.5, -1.0, 2.0, 0.25]), torch.tensor([1.0, -0.5, 0.3, 2.0])

    class Soft(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 1, bias=False)
            self.head.weight.data = weight[None]

        def forward(self, x: Tensor) -> Tensor:
            return self.head(x.flatten(1).softmax(dim=-1))

    shares = x.softmax(dim=0).numpy()
    above = weight.numpy() * shares
    expected = x.numpy() * (above - shares * above.sum())
    np.testing.assert_allclose(flat_relevance(Soft(), x), expected, rtol=1e-4, atol=1e-7)


def test_a_product_gives_each_signal_one_half() -> None:
    """f = a(x) b(x): half of f goes through each (equation 15); a gate (sigmoid) takes none."""
    a, b, x = torch.tensor([1.0, 2.0]), torch.tensor([-1.0, 3.0]), torch.tensor([0.5, 1.5])

    class Product(nn.Module):
        def __init__(self, gated: bool) -> None:
            super().__init__()
            self.gated = gated
            self.a, self.b = nn.Linear(2, 1, bias=False), nn.Linear(2, 1, bias=False)
            self.a.weight.data, self.b.weight.data = a[None], b[None]

        def forward(self, x: Tensor) -> Tensor:
            first, second = self.a(x.flatten(1)), self.b(x.flatten(1))
            return first * (second.sigmoid() if self.gated else second)

    fa, fb = float(a @ x), float(b @ x)
    expected = (a * x).numpy() * fb / 2 + (b * x).numpy() * fa / 2
    np.testing.assert_allclose(flat_relevance(Product(False), x), expected, rtol=1e-4)
    gate = 1 / (1 + np.exp(-fb))
    np.testing.assert_allclose(flat_relevance(Product(True), x), (a * x).numpy() * gate, rtol=1e-4)


def test_norms_and_activations_pass_on_what_they_get() -> None:
    """A layer norm and a GELU hand on all relevance (equations 7 and 16)."""

    class Normed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.norm = nn.Linear(6, 5, bias=False), nn.LayerNorm(5)
            self.two = nn.Linear(5, 1, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.two(nn.functional.gelu(self.norm(self.one(x.flatten(1)))))

    module = seeded(Normed)
    x = torch.tensor([0.3, -1.0, 2.0, 0.5, -0.2, 1.1])
    total = float(module(x.view(1, -1)).detach())
    assert flat_relevance(module, x).sum() == pytest.approx(total, rel=1e-3)


def test_parts_of_attention_are_the_whole() -> None:
    """Taken apart for the rules, multi-head attention gives what it gave."""
    module = seeded(Tokens)
    x = picture()[None]
    passed = Rules({"softmax": lambda func, *args, **more: func(*args, **more)})
    with torch.no_grad(), passed:
        apart = module(x.clone())
    torch.testing.assert_close(apart, module(x).detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [torch.bool, torch.float32])
def test_masked_attention_in_parts(kind: torch.dtype) -> None:
    own = seeded(lambda: nn.MultiheadAttention(8, 2, batch_first=True))  # type: ignore[arg-type]
    x = torch.rand(2, 5, 8, generator=torch.Generator().manual_seed(0))
    apart = torch.ones(5, 5, dtype=torch.bool).triu(1)
    mask = apart if kind == torch.bool else torch.zeros(5, 5).masked_fill(apart, -torch.inf)
    passed = Rules({"softmax": lambda func, *args, **more: func(*args, **more)})
    with torch.no_grad():
        whole = own(x, x, x, attn_mask=mask, need_weights=False)[0]
        with passed:
            parts = own(x, x, x, attn_mask=mask, need_weights=False)[0]
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-6)


def test_functions_and_modules_alike() -> None:
    """`F.relu`, `x.relu_()` and `nn.ReLU` are one function to a rule, in place or not, used once or twice."""

    class Written(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            x = self.relu(self.conv(x))
            x = nn.functional.relu(x - 0.1)
            x = (x - 0.05).relu_()
            return self.relu(x - 0.01).mean(dim=(2, 3))

    seen: list[str] = []

    def relu(func: object, x: Tensor, *args: object, **more: object) -> Tensor:
        seen.append("relu")
        return x.clamp(min=0)

    module, x = seeded(Written), picture()[None]
    with torch.no_grad(), Rules({"relu": relu}):
        found = module(x)
    assert len(seen) == 4
    torch.testing.assert_close(found, module(x).detach())


# ---- DeepLIFT ----


@pytest.mark.parametrize("net", [Plain, Conv, Residual, Tokens])
def test_deep_lift_adds_up_for_every_architecture(net: type[nn.Module]) -> None:
    """Residual blocks, modules used twice, attention, softmax and norms included (design, section 8)."""
    found = explain(Model(stirred(seeded(net))), picture(), "deep_lift", target=2)
    assert found.evidence["completeness"].figure < 1e-3
    assert found.evidence["completeness"].verdict == "holds"


def test_deep_lift_of_captum() -> None:
    """But for max pooling, where Captum's values do not add up."""
    module = stirred(seeded(Plain))
    module.features[3] = nn.AvgPool2d(2)
    found = explain(Model(module), picture(), "deep_lift", target=2).values
    theirs = attr.DeepLift(module).attribute(picture()[None], torch.zeros(1, 3, SIDE, SIDE), target=2)
    theirs = theirs[0].detach().double().numpy()
    np.testing.assert_allclose(found, theirs, rtol=1e-3, atol=1e-5 * np.abs(theirs).max())


@pytest.mark.parametrize(
    ("x", "reference", "expected"),
    [
        ([0.9, 0.2, 0.7, 0.1], [0.1, 0.2, 0.1, 0.3], [0.6, 0, 0, 0]),
        ([0.1, 0.2, 0.3, 0.1], [0.6, 0.8, 0.1, 0.9], [0, 0, 0, -0.6]),
    ],
)
def test_deep_lift_of_max_pooling_by_hand(
    x: list[float], reference: list[float], expected: list[float]
) -> None:
    """The picture's largest takes the difference where it rises, the baseline's where it falls."""

    class Largest(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.max_pool2d(x, 2).flatten(1)

    model = Model(Largest())
    model.channels = 1
    picture_, other = (torch.tensor(one).view(1, 2, 2) for one in (x, reference))
    found = explain(model, picture_, "deep_lift", target=0, baseline=Image(other[None]))
    assert found.values.ravel().tolist() == pytest.approx(expected, abs=1e-6)


def test_deep_lift_shap_is_the_mean_over_the_baselines() -> None:
    module = stirred(seeded(Plain))
    references = [picture(k)[None] for k in (1, 2, 3)]
    found = explain(Model(module), picture(), "deep_lift", target=2, baseline=Distribution(tuple(references)))
    alone = [
        explain(Model(module), picture(), "deep_lift", target=2, baseline=Image(one)).values
        for one in references
    ]
    np.testing.assert_allclose(found.values, np.mean(alone, axis=0), rtol=1e-4, atol=1e-7)
    assert found.evidence["completeness"].verdict == "holds"


def test_deep_lift_of_a_product_is_exact() -> None:
    """f(x) = (Σ a x)(Σ b x): Δf = b̄ Δa + ā Δb."""

    class Product(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3 * SIDE**2, 2), nn.Linear(3 * SIDE**2, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.a(x.flatten(1)) * self.b(x.flatten(1))

    module = seeded(Product)
    found = explain(Model(module), picture(), "deep_lift", target=1).values
    x = picture().flatten()
    with torch.no_grad():
        means = [(layer(x[None] * 0)[0, 1] + layer(x[None])[0, 1]) / 2 for layer in (module.a, module.b)]
        expected = x * (module.a.weight[1] * means[1] + module.b.weight[1] * means[0])
    np.testing.assert_allclose(found.ravel(), expected.numpy(), rtol=1e-4, atol=1e-6)


def test_deep_lift_refuses_a_network_that_mixes_pictures() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3, 4)

        def forward(self, x: Tensor) -> Tensor:
            means = x.mean(dim=(2, 3))
            return self.head((means - means.mean(dim=0)).relu() + means)

    with pytest.raises(NotValidError, match="one at a time"):
        explain(Model(seeded(Mixed)), picture(), "deep_lift", target=1)


# ---- design, section 8: what the back ends get wrong ----


@pytest.fixture(scope="module")
def resnet() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return models.resnet18(weights=None).eval()


@pytest.fixture(scope="module")
def vit() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = models.VisionTransformer(32, 8, 3, 2, 32, 64, num_classes=10).eval()
        nn.init.normal_(net.heads.head.weight, 0, 0.1)
        return net


def test_relevance_of_a_resnet_stays_near_its_logit(resnet: nn.Module) -> None:
    """Captum's LRP gives sums of 1e12 and more; Zennit without a canonizer hundreds."""
    x = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    for method in ("lrp_epsilon", "lrp_gamma", "lrp_composite"):
        found = explain(Model(resnet), x, method, target=3)
        logit = float(Model(resnet).logits(x[None])[0, 3])
        assert abs(float(found.values.sum(dtype=np.float64))) < 20 * abs(logit) + 1, method


def test_deep_lift_of_a_vision_transformer_has_the_right_sum(vit: nn.Module) -> None:
    """Captum's has the wrong sign in two of three seeds."""
    x = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
    found = explain(Model(vit), x, "deep_lift", target=3)
    assert found.evidence["completeness"].figure < 1e-2


def test_deep_lift_of_a_resnet_with_its_reused_relus(resnet: nn.Module) -> None:
    """Captum's raises a RuntimeError."""
    x = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    found = explain(Model(resnet), x, "deep_lift", target=3)
    assert found.evidence["completeness"].figure < 1e-2


def test_flat_gives_every_pixel_of_a_window_the_same() -> None:
    x, weight = torch.rand(1, 1, 3, 3), torch.rand(1, 1, 3, 3)
    z = nn.functional.conv2d(x, weight)
    found = flat_rule(Layer(nn.functional.conv2d, x, weight, None, z), torch.full((1, 1, 1, 1), 18.0))
    torch.testing.assert_close(found, torch.full((1, 1, 3, 3), 2.0))
