"""A corpus of invented text in which each source but the first two has one known defect."""

import random

import pyarrow as pa


def words(text):
    return text.split()


NOUNS = words(
    "river garden teacher window letter mountain city morning child bridge market winter story "
    "house doctor ship forest engine song paper village road island family village animal "
    "student library machine farmer summer church picture question answer journey kitchen"
)
VERBS = words(
    "saw found left followed remembered crossed carried opened described painted built sold "
    "watched kept visited answered wanted moved reached noticed"
)
ADJECTIVES = words(
    "old quiet small bright cold empty green heavy narrow distant simple strange early white "
    "careful famous broken gentle warm dark"
)
PLACES = (
    "near the harbour",
    "in the valley",
    "before the war",
    "after a long rain",
    "behind the station",
    "with great care",
    "without a word",
    "for the first time",
    "every second year",
    "under the trees",
)
HAN = "人们在河边的小城里生活很多年以后老师给学生讲了一个关于山和海的故事他说春天来了花都开了"


def sentence(rng):
    return (
        f"The {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} {rng.choice(VERBS)} the "
        f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} {rng.choice(PLACES)}, and nobody "
        f"{rng.choice(VERBS)} the {rng.choice(NOUNS)}."
    )


def prose(rng, num_sentences=12):
    return "\n".join(
        " ".join(sentence(rng) for _ in range(3)) for _ in range(max(1, num_sentences // 3))
    )


def edited(rng, text):
    """A copy with one word in forty replaced."""
    words = text.split(" ")
    for index in range(rng.randrange(40), len(words), 40):
        words[index] = rng.choice(NOUNS)
    return " ".join(words)


def contact(rng, n):
    return f"{rng.choice(NOUNS)} {n}, +49 30 {rng.randrange(10**6, 10**7)}, n{n}@example.org"


def sources(seed=0):
    """Texts by source."""
    rng = random.Random(seed)
    han = lambda: "。".join("".join(rng.choices(HAN, k=18)) for _ in range(8))  # noqa: E731
    clean = [prose(rng) for _ in range(120)]
    spoilt = "L’été à la café, naïve".encode().decode("cp1252")
    return {
        "clean": clean,
        "prose": [prose(rng, 24) for _ in range(60)],
        "foreign": [han() for _ in range(28)] + [prose(rng) for _ in range(2)],
        "forum": [
            prose(rng) + "\nSubscribe to our newsletter today!" * (n < 30) for n in range(50)
        ],
        "legacy": [prose(rng) + (f"\n{spoilt}" if n % 8 == 0 else "") for n in range(48)],
        "mirror": clean[:20] + [prose(rng) for _ in range(29)],
        "revised": [
            edited(rng, text) for text in (prose(rng, 30) for _ in range(10)) for _ in "ab"
        ],
        "tables": [
            " ".join(str(rng.randrange(10**5)) for _ in range(200)) if n < 4 else prose(rng)
            for n in range(40)
        ],
        "scraped": [
            f"<div class='post'><p>{prose(rng)}</p></div>" if n < 10 else prose(rng)
            for n in range(40)
        ],
        "stubs": ["", "  \n", *["Read more"] * 3, *(f"Page {n}" for n in range(5))]
        + [prose(rng) for _ in range(20)],
        "directory": ["\n".join(contact(rng, n) for n in range(20)) for _ in range(3)]
        + [prose(rng) for _ in range(30)],
    }


def table(seed=0):
    """The documents as the shop passes them on."""
    rows = [
        (f"{name}.jsonl:{number}", text, name)
        for name, texts in sources(seed).items()
        for number, text in enumerate(texts)
    ]
    ids, texts, names = zip(*rows, strict=True)
    return pa.table({"id": ids, "text": texts, "source": names})


DEFECTS = {
    "foreign": "script",
    "forum": "boilerplate",
    "legacy": "mojibake",
    "mirror": "shared_sources: clean",
    "revised": "near",
    "tables": "numbers",
    "scraped": "markup",
    "stubs": "short",
    "directory": "contacts",
}
"""Kind of finding that names each source's defect."""
