"""The configuration front end: what it accepts, what it refuses, and how well it helps."""

import dataclasses
import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.config import BatchConfig, TrainConfig
from jaxlm.config.fields import get, leaves, put
from jaxlm.config.fields import settings as all_settings
from jaxlm.config.loader import load
from jaxlm.config.recipes import run_recipe
from jaxlm.config.serialise import diff, digest, from_json, to_json
from jaxlm.config.training import TRAIN
from jaxlm.config.values import fits, from_text, to_text
from jaxlm.errors import ExitCode, UserError
from jaxlm.models.base import num_params
from jaxlm.spelling import edit_distance

ROOT = Path(__file__).resolve().parents[2]
QUICKSTART = "configs/quickstart.py"
RECIPES = sorted(path.name for path in (ROOT / "configs").glob("*.py"))


@pytest.fixture(autouse=True)
def in_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture
def quickstart() -> TrainConfig:
    return load([QUICKSTART]).config


def refusal(*argv: str, num_devices: int | None = None) -> str:
    count = None if num_devices is None else lambda: num_devices
    with pytest.raises(UserError) as caught:
        load(argv, count)
    assert caught.value.exit_code == ExitCode.USAGE
    return str(caught.value)


def recipe(folder: Path, text: str) -> str:
    path = folder / "recipe.py"
    path.write_text(text)
    return str(path)


# Recipes and overrides.


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_loads_on_eight_devices_and_survives_json(name: str) -> None:
    overrides = ["batch.size=16"] if name == "shakespeare_char.py" else []
    config = load([f"configs/{name}", *overrides], lambda: 8).config
    assert from_json(json.loads(json.dumps(to_json(config)))) == config


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_the_whole_header(name: str) -> None:
    header = (ROOT / "configs" / name).read_text().split('"""')[1]
    entries = ("What", "Source", "Expected", "Hardware", "Time", "Command")
    assert [e for e in entries if f"\n{e:<10}" not in header] == []
    assert f"configs/{name}" in header


@pytest.mark.parametrize(
    ("name", "published"), [("llama3_1b", 1_235_814_400), ("llama3_8b", 8_030_261_248)]
)
def test_published_models_have_the_published_size(name: str, published: int) -> None:
    assert num_params(load([f"configs/{name}.py"]).config.model) == published


def test_shakespeare_follows_nanogpt() -> None:
    config = load(["configs/shakespeare_char.py"]).config
    optim, model = config.optim, config.model
    assert optim.peak_lr * optim.final_lr_ratio == pytest.approx(1e-4)
    # nanoGPT's feed-forward has two matrices of d x 4d.
    assert 3 * get(config, "model.d_ff") == pytest.approx(2 * 4 * model.d_model, rel=0.01)
    assert config.evaluation.max_batches == 0


def test_overrides_are_typed_and_the_run_directory_stays_apart() -> None:
    loaded = load(
        [
            QUICKSTART,
            "optim.peak_lr=1",
            "batch.size=32",
            "compute.scan_layers=false",
            "data.path=my/*.txt",
            "data.weights=0.25",
            r"sampling.prompts=Hello\, world,Bye",
            "model.rope_scaling.factor=32",
            "run_dir=runs/a=b",
        ]
    )
    config = loaded.config
    assert type(config.optim.peak_lr) is float
    assert config.batch.size == 32
    assert config.compute.scan_layers is False
    assert config.data.path == ("my/*.txt",)
    assert config.data.weights == (0.25,)
    assert config.sampling.prompts == ("Hello, world", "Bye")
    assert get(config, "model.rope_scaling.factor") == 32.0
    assert get(config, "model.rope_scaling.high_freq_factor") == 4.0
    assert loaded.directory == Path("runs/a=b")
    assert not loaded.dry_run
    assert "run_dir" not in to_json(config)


def test_none_switches_an_optional_section_off() -> None:
    assert "model.rope_scaling" not in load(["configs/llama3_1b.py"]).origins
    config = load(["configs/llama3_1b.py", "model.rope_scaling=none"]).config
    assert get(config, "model.rope_scaling") is None


def test_origins_name_line_default_and_argument() -> None:
    origins = load([QUICKSTART, "--dry-run", "seed=3"]).origins
    lines = (ROOT / QUICKSTART).read_text().splitlines()
    file, _, line = origins["model.d_model"].rpartition(":")
    assert file == QUICKSTART
    assert lines[int(line) - 1].strip() == "d_model=192,"
    assert origins["seed"] == "command line argument 3"
    kind, _, place = origins["optim.beta2"].partition(", ")
    file, _, line = place.rpartition(":")
    assert kind == "default"
    assert "beta2: float" in (ROOT / file).read_text().splitlines()[int(line) - 1]


def test_origins_follow_a_variant_to_its_parent() -> None:
    origins = load(["configs/llama3_8b.py"]).origins
    assert origins["model.d_model"].startswith("configs/llama3_8b.py:")
    assert origins["model.num_heads"].startswith("configs/llama3_1b.py:")
    assert origins["optim.warmup_steps"].startswith("configs/llama3_8b.py:")
    assert origins["optim.peak_lr"].startswith("configs/llama3_1b.py:")


def test_origins_of_free_standing_sections_and_of_code_not_followed(tmp_path: Path) -> None:
    text = (ROOT / QUICKSTART).read_text()
    text = text.replace(
        "def get_config", "CHOSEN = BatchConfig(\n    size=64,\n)\n\ndef get_config"
    )
    text = re.sub(r"batch=BatchConfig\(.*\)", "batch=CHOSEN", text)
    text = re.sub(r"num_steps=\d+", "**{'num_steps': 300}", text)
    path = recipe(tmp_path, text)
    loaded = load([path])
    line = text.splitlines().index("    size=64,") + 1
    assert loaded.origins["batch.size"] == f"{path}:{line}"
    assert loaded.origins["num_steps"] == path
    assert loaded.origins.keys() == {setting.path for setting in leaves(loaded.config)}


# JSON.


def test_json_round_trip_is_exact_and_takes_overrides(
    tmp_path: Path, quickstart: TrainConfig
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(to_json(quickstart)))
    loaded = load([str(path), "seed=7"])
    assert loaded.config == dataclasses.replace(quickstart, seed=7)
    assert loaded.origins["optim.peak_lr"] == f"{path}: optim.peak_lr"
    assert diff(to_json(quickstart), to_json(loaded.config)) == [("seed", 0, 7)]


@settings(deadline=None, max_examples=25)
@given(
    lr=st.floats(min_value=1e-300, max_value=1e300),
    prompts=st.lists(st.text(), max_size=4),
    seed=st.integers(min_value=0, max_value=2**32 - 1),
)
def test_json_keeps_any_value(lr: float, prompts: list[str], seed: int) -> None:
    base = load([str(ROOT / QUICKSTART)]).config
    config = put(
        put(put(base, "optim.peak_lr", lr), "sampling.prompts", tuple(prompts)), "seed", seed
    )
    again = from_json(json.loads(json.dumps(to_json(config))))
    assert again == config
    assert digest(again) == digest(config)


def test_digest_depends_on_values_and_not_on_their_spelling(quickstart: TrainConfig) -> None:
    integer = put(quickstart, "optim.clip_norm", 1)
    assert digest(integer) == digest(quickstart)
    digests = {digest(put(quickstart, "seed", seed)) for seed in range(5)}
    assert len(digests) == 5
    assert all(len(value) == 64 for value in digests)


def test_json_mistakes_are_reported_at_once_with_their_path(
    tmp_path: Path, quickstart: TrainConfig
) -> None:
    data = to_json(quickstart)
    data["optim"]["peek_lr"] = 1.0
    data["batch"]["size"] = "many"
    data["batch"]["seq_len"] = 256.0
    data["compute"]["scan_layers"] = 1
    data["data"]["path"] = "stdlib"
    path = tmp_path / "config.json"
    path.write_text(json.dumps(data))
    for message in (refusal(str(path)), _refused_json(data)):
        assert "5 problems" in message
        assert "nearest   optim.peak_lr" in message
        for name in ("batch.size", "batch.seq_len", "compute.scan_layers", "data.path"):
            assert f"config.json: {name}" in message


def _refused_json(data: dict) -> str:
    with pytest.raises(UserError) as caught:
        from_json(data)
    return str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "jaxlm.models.llama.LlamaConfg",
        "jaxlm.models.llama.Block",
        "jaxlm.models.base.ModelConfig",
        "jaxlm.optim.config.OptimConfig",
        "jaxlm.errors.UserError",
        "subprocess.Popen",
        "os.system",
        "jaxlm.config.serialise.json.JSONDecoder",
        "jaxlm/../evil.Config",
        None,
        3,
    ],
)
def test_json_builds_only_frozen_dataclasses_of_the_right_kind(
    name: object, quickstart: TrainConfig
) -> None:
    data = to_json(quickstart)
    data["model"]["type"] = name
    message = _refused_json(data)
    assert "model.type" in message
    assert "nearest   jaxlm.models.llama.LlamaConfig" in message


def test_json_of_an_older_version_takes_defaults_but_not_for_required_fields(
    tmp_path: Path, quickstart: TrainConfig
) -> None:
    data = to_json(quickstart)
    del data["seed"], data["monitor"]["tensorboard"]
    path = tmp_path / "config.json"
    path.write_text(json.dumps(data))
    loaded = load([str(path)])
    assert loaded.config == quickstart
    assert loaded.origins["seed"].startswith("default, jaxlm/config/schema.py:")
    del data["num_steps"], data["model"]["d_ff"]
    message = _refused_json(data)
    assert "model.d_ff" in message
    assert "num_steps" in message


def test_broken_json_names_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{\n "seed": }')
    assert refusal(str(path)).startswith(f"{path}:2:10: not valid JSON")


# Mistakes.


def test_all_mistakes_come_in_one_message() -> None:
    message = refusal(
        QUICKSTART,
        "optim.peek_lr=3e-4",
        "batch.size=many",
        "optim.decay=cosin",
        "model.num_kv_heads=4",
        "optim.beta2=1.0",
        "--dryrun",
        "model=llama",
        "seed=1",
        "seed=2",
        "run_dir=",
        num_devices=1,
    )
    assert message.startswith(f"9 problems in the configuration of {QUICKSTART}")
    for text in (
        "optim.peek_lr = 3e-4   (command line argument 2)\n"
        "   expected  a setting of optim (OptimConfig)\n   nearest   optim.peak_lr",
        "batch.size = many   (command line argument 3)\n   expected  an integer",
        "expected  one of cosine, constant\n   nearest   cosine",
        "model.num_kv_heads = 4   (command line argument 5)\n     model.num_heads    = 6   (",
        "expected  at least 0 and below 1",
        "nearest   --dry-run",
        "such as model.vocab_size",
        "another: command line argument 9",
        "expected  a directory",
    ):
        assert text in message


@pytest.mark.parametrize(
    "argument",
    [
        "batch.size=1.5",
        "batch.size=",
        "batch.size=none",
        "optim.peak_lr=nan",
        "optim.peak_lr=inf",
        "optim.peak_lr=fast",
        "compute.scan_layers=yes",
        "compute.scan_layers=1",
        "data.weights=0.5,x",
        "data.packing=bestfit",
        "model.rope_scaling=on",
    ],
)
def test_a_value_of_a_wrong_type_is_refused(argument: str) -> None:
    message = refusal(QUICKSTART, argument)
    assert "1 problem" in message
    assert argument.partition("=")[0] in message


def test_a_setting_without_equals_sign_is_explained() -> None:
    message = refusal(QUICKSTART, "optim.peak_lr", "3e-4")
    assert "2 problems" in message
    assert "nearest   optim.peak_lr=VALUE" in message


def test_a_recipe_is_type_checked_too(tmp_path: Path) -> None:
    text = (ROOT / QUICKSTART).read_text().replace("peak_lr=4e-3", "peak_lr='4e-3'")
    text = re.sub(r"seq_len=\d+\)", "seq_len=True)", text)
    path = recipe(tmp_path, text)
    message = refusal(path)
    line = next(i for i, s in enumerate(text.splitlines(), 1) if "peak_lr" in s)
    assert f"optim.peak_lr = 4e-3   ({path}:{line})\n   expected  a finite number" in message
    assert "batch.seq_len = true" in message


def test_a_section_of_a_wrong_class_is_refused(tmp_path: Path) -> None:
    text = (ROOT / QUICKSTART).read_text().replace("optim=OptimConfig(", "optim=dict(")
    assert "expected  OptimConfig" in refusal(recipe(tmp_path, text))
    text = text.replace("optim=dict(peak_lr=3e-3, warmup_steps=20)", "optim=BatchConfig()")
    assert "expected  OptimConfig" in refusal(recipe(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("x = 1\ndef get_config(:\n", 2, "invalid syntax"),
        ("x = 1\n\ny = 1 / 0\n", 3, "ZeroDivisionError"),
        ("def get_config():\n    return missing\n", 2, "NameError"),
        ("import no_such_module\n", 1, "ModuleNotFoundError"),
        ("def config():\n    return 1\n", 1, "no get_config()"),
        ("\ndef get_config():\n    return 1\n", 2, "returned int"),
        (
            "from jaxlm.optim.config import OptimConfig\n\nA = OptimConfig(\n    peek_lr=1.0)\n",
            3,
            "nearest fields: peak_lr",
        ),
    ],
)
def test_a_recipe_that_fails_is_named_with_its_line(
    tmp_path: Path, text: str, line: int, why: str
) -> None:
    path = recipe(tmp_path, text)
    message = refusal(path)
    assert message.startswith(f"{path}:{line}: ")
    assert why in message


def test_a_recipe_that_does_not_exist_lists_the_nearest_first() -> None:
    first, nearest_one, *rest = refusal("configs/lama3_1b.py").splitlines()
    assert first == "there is no recipe configs/lama3_1b.py; the nearest recipes:"
    assert nearest_one == "  configs/llama3_1b.py"
    assert len(rest) == len(RECIPES) - 1
    assert "  configs/quickstart.py" in refusal("quickstart").splitlines()[1]
    assert "configs/quickstart.py" in refusal()


def test_a_run_directory_in_place_of_a_recipe_is_explained(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert f"give {tmp_path / 'config.json'}" in refusal(str(tmp_path))


# Typing errors: the right name comes first, and no wrong one is accepted.


def _swap(name: str, rng: random.Random) -> str:
    places = [i for i in range(len(name) - 1) if name[i] != name[i + 1]]
    i = rng.choice(places)
    return name[:i] + name[i + 1] + name[i] + name[i + 2 :]


def _drop(name: str, rng: random.Random) -> str:
    i = rng.randrange(len(name))
    return name[:i] + name[i + 1 :]


def _double(name: str, rng: random.Random) -> str:
    i = rng.randrange(len(name))
    return name[: i + 1] + name[i:]


def _section(name: str, rng: random.Random) -> str:
    sections = ("optim", "model", "batch", "data", "compute", "checkpoint", "evaluation", "train")
    return f"{rng.choice(sections)}.{name.rpartition('.')[2]}"


def _kebab(name: str, rng: random.Random) -> str:
    return name.replace("_", "-")


def _leaf(name: str, rng: random.Random) -> str:
    return name.rpartition(".")[2]


def _case(name: str, rng: random.Random) -> str:
    return rng.choice([name.upper(), name.title(), name.title().replace("_", "")])


TYPOS: tuple[Callable[[str, random.Random], str], ...] = (
    _swap,
    _drop,
    _double,
    _section,
    _kebab,
    _leaf,
    _case,
)


def generated_typos(valid: list[str], count: int, seed: int) -> dict[str, str]:
    """Draws wrong names and the right ones, every kind of mistake in turn."""
    rng = random.Random(seed)
    typos: dict[str, str] = {}
    while len(typos) < count:
        right = rng.choice(valid)
        wrong = TYPOS[len(typos) % len(TYPOS)](right, rng)
        if wrong not in valid:
            typos.setdefault(wrong, right)
    return typos


def test_of_200_typos_none_is_accepted_and_95_percent_meet_the_right_name_first(
    quickstart: TrainConfig,
) -> None:
    valid = [setting.path for setting in all_settings(quickstart)]
    typos = generated_typos(valid, 200, seed=0)
    first, *problems = refusal(QUICKSTART, *(f"{wrong}=1" for wrong in typos)).split("\n\n")[:-1]
    assert first.startswith("200 problems")
    assert len(problems) == 200
    missed = [
        (wrong, right)
        for (wrong, right), problem in zip(typos.items(), problems, strict=True)
        if f"{wrong} = 1" not in problem or f"nearest   {right}" not in f"{problem},".split(",")[0]
    ]
    assert len(missed) <= 10, missed


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
@settings(deadline=None, max_examples=60)
def test_edit_distance_is_symmetric_and_bounded(a: str, b: str) -> None:
    assert edit_distance(a, b) == edit_distance(b, a)
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))
    assert (edit_distance(a, b) == 0) == (a == b)


def test_edit_distance_counts_a_swap_once() -> None:
    assert edit_distance("peak", "paek") == 1
    assert edit_distance("kitten", "sitting") == 3


# Values as text.


def test_every_value_of_every_recipe_can_be_typed_back() -> None:
    for name in RECIPES:
        config = load([f"configs/{name}"]).config
        for setting in leaves(config):
            value = get(config, setting.path)
            if value not in ("", ()):
                assert from_text(to_text(value), setting.type) == value


@pytest.mark.parametrize(
    ("value", "annotation", "is_fit"),
    [
        (1, float, True),
        (True, float, False),
        (True, int, False),
        (float("nan"), float, False),
        (None, int | None, True),
        ((1, 2), tuple[int, int], True),
        ((1,), tuple[int, int], False),
        ([1], tuple[int, ...], False),
        (BatchConfig(), BatchConfig, True),
    ],
)
def test_fits(value: object, annotation: object, is_fit: bool) -> None:
    assert fits(value, annotation) is is_fit


# Help.


def test_help_lists_every_setting_with_default_and_documentation(
    capsys: pytest.CaptureFixture[str], quickstart: TrainConfig
) -> None:
    with pytest.raises(SystemExit) as left:
        load(["--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    for setting in all_settings(quickstart):
        assert f"  {setting.path} = " in text
        assert setting.doc, f"{setting.path} has no text in its dataclass's Attributes"
        assert " ".join(setting.doc.split()) in " ".join(text.split())
    assert "model.d_ff = (required)" in text


def test_help_of_a_recipe_shows_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        load([QUICKSTART, "--help"])
    text = capsys.readouterr().out
    assert f"model.d_ff = {run_recipe(ROOT / QUICKSTART, TRAIN).model.d_ff}" in text
    assert "model.rope_scaling = none" in text
    assert "model.rope_scaling.factor = 8.0" in text
