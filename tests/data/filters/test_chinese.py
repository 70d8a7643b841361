import pytest

from jaxlm.data.filters.chinese import ChineseConfig
from jaxlm.data.filters.rules import failed, measure
from tests.data.filters.decisions import check, value

CHINESE = ChineseConfig()


@pytest.mark.parametrize(
    ("name", "text", "expected", "thresholds"),
    [
        ("num_characters", "你好 \n", 4, {"least_characters": 1}),
        ("mean_line", "你好\n\n很好", 6 / 3, {"least_mean_line": 0.01}),
        ("han_characters", "你好ab1。 \n", 2 / 8, {"least_han": 0.01}),
        ("marks", "你好。+ a", 2 / 5, {"most_marks": -0.01}),
        ("digits", "你好12 3", 3 / 5, {"most_digits": -0.01}),
        (
            "mean_sentence",
            "一二三。一二三四五\uff01\n一",
            9 / 3,
            {"least_mean_sentence": 0.01, "most_mean_sentence": -0.01},
        ),
        ("duplicate_lines", "甲\n乙\n甲", 1 / 3, {"most_duplicate_lines": -0.01}),
        (
            "duplicate_line_characters",
            "甲甲\n乙\n甲甲",
            2 / 5,
            {"most_duplicate_line_characters": -0.01},
        ),
        # 17 characters have five 13-grams; of 0..12 0..12 the first comes twice in fourteen.
        (
            "repeated_13grams",
            "甲乙丙丁戊己庚辛壬癸子丑寅 " * 2,
            2 / 14,
            {"most_repeated_grams": -0.01},
        ),
    ],
)
def test_rules(name: str, text: str, expected: float, thresholds: dict[str, float]) -> None:
    check(CHINESE, f"chinese.{name}", text, expected, **thresholds)


def test_the_length_of_grams_is_part_of_the_value_and_its_name() -> None:
    # 甲乙 twice of 甲乙, 乙甲, 甲乙.
    assert value(ChineseConfig(gram=2), "chinese.repeated_2grams", "甲乙甲乙") == pytest.approx(
        2 / 3
    )


PROSE = (
    "春天来了\uff0c山上的雪慢慢化成了水\uff0c顺着石头流进村子旁边的小河。早上\uff0c老人们坐在桥头说话\uff0c"
    "孩子们跑去看新开的桃花。有人说今年雨水多\uff0c庄稼会长得好\uff1b也有人担心河堤不够结实。\n"
    "到了下午\uff0c集市上热闹起来\uff0c卖菜的、卖布的、修鞋的都摆出了摊子。我跟着祖父从东头走到西头\uff0c"
    "买了两斤豆腐和一把青菜。回家的路上\uff0c他给我讲起年轻时候的事情\uff1a那时没有公路\uff0c去县城要走一整天。\n"
    "晚上全家围着桌子吃饭\uff0c窗外传来蛙声。母亲问我学校里学了什么\uff0c我背了一首诗给她听\uff0c大家都笑了。"
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PROSE, None),
        (PROSE[:100], "chinese.num_characters"),
        ("The harbour was quiet that morning. " * 10, "chinese.han_characters"),
        ("\n".join(PROSE[n : n + 8] for n in range(0, len(PROSE), 8)), "chinese.mean_line"),
        ("好消息天天有欢迎光临本店购买 " * 20, "chinese.repeated_13grams"),
        (
            f"{PROSE}\n{PROSE[:90]}"[:-90] + "".join(f"第{n}条3.{n}7%" for n in range(99)),
            "chinese.digits",
        ),
    ],
    ids=["prose", "short", "english", "broken lines", "spam", "numbers"],
)
def test_what_is_kept_and_what_is_not(text: str, reason: str | None) -> None:
    rules = CHINESE.rules()
    assert failed(measure([text], rules), rules).to_pylist() == [reason]
