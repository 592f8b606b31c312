"""Every axis can be changed by name, is recorded, and a wrong one is answered in one line."""

import numpy as np
import pytest
import torch

from avloc import Truth, score
from avloc.errors import ConfigError
from avloc.protocols import Protocol, named
from avloc.protocols.reporting import reporting


def test_changed_axes_are_recorded():
    protocol = named("ez-vsl").with_axes(resize="bicubic", strict="yes", cut="0.3", size="112")
    assert protocol.axes()["changed"] == ["cut", "resize", "size", "strict"]
    assert protocol.axes()["cut"] == 0.3
    assert named("ez-vsl").with_axes(cut=0.5).changed == (), "the same value changes nothing"


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"resise": "bicubic"}, "no axis 'resise'"),
        ({"resize": "cubic"}, "expected one of none, cv2-linear"),
        ({"strict": "maybe"}, "expected true or false"),
        ({"cut": "half"}, "expected a number$"),
        ({"cut": "nan"}, "expected a number$"),
        ({"size": "1"}, "expected a whole number from 8 to 4096"),
        ({"size": "inf"}, "expected a whole number from 8 to 4096"),
        ({"tau": "0"}, "expected a number, 1e-06 or more"),
        ({"ogl_alpha": "2"}, "expected a number from 0 to 1"),
        ({"level": "-1"}, "expected a whole number, 0 or more"),
    ],
)
def test_a_wrong_axis_or_value_is_refused(axes, message):
    with pytest.raises(ConfigError, match=message):
        named("ez-vsl").with_axes(**axes)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"report": ("ciou@0.3", "locac")}, "mine: no metric 'locac'; did you mean 'locacc'"),
        ({"truth": "unions"}, "mine: truth 'unions'; expected one of"),
        ({"size": 0}, "mine: size 0; expected a whole number"),
        ({"unit": "frame"}, "mine: unit 'frame'; expected one of"),
    ],
)
def test_a_protocol_of_ones_own_with_a_wrong_value_is_refused_before_it_reports_nothing(axes, message):
    own = Protocol("mine", "our paper", rule=lambda heat, truth: truth > 0, **axes)
    with pytest.raises(ConfigError, match=message):
        score(own, np.zeros((1, 4, 4)), Truth.of_boxes({"a": [[0, 0, 1, 1]]}), resamples=0)


def test_a_rule_may_give_a_tensor_as_mask():
    def half(heat, truth):
        return (torch.from_numpy(truth) > 0.5).float().requires_grad_()

    found = score(half, np.ones((1, 4, 4)), Truth.of_boxes({"a": [[0, 0, 0.5, 1]]}), resamples=0)
    assert found.metrics["ciou"].value == 1


def test_an_unknown_protocol_is_answered_with_a_guess():
    with pytest.raises(ConfigError, match="did you mean 'hardway'"):
        named("hard-way")


def test_a_bare_metric_stands_for_its_family():
    assert reporting(named("dsol-duet"), ["ciou"]).report == ("ciou@0.3", "ciou@0.5", "ciou")
    assert reporting(named("hardway"), ["CIoU@0.3", "auc"]).report == ("ciou@0.3", "auc")
    assert reporting(named("dsol-solo"), ["locacc"]).report == ("locacc",)
    with pytest.raises(ConfigError, match="cannot report it"):
        reporting(named("hardway"), ["map"])
