"""Texts to learn from, out of a folder; the models here are too small to stream them."""

from pathlib import Path

from jaxlm.data.config import DataConfig
from jaxlm.data.readers import BadDocument
from jaxlm.data.sources import find_sources
from jaxlm.errors import ExitCode, UserError


def read_texts(path: Path, *, text_field: str = "text", least: int = 1) -> list[str]:
    """Reads the texts of a folder or of a glob of files, empty ones left out.

    Args:
      path: What holds the texts, in any format that `data.path` takes.
      text_field: Field or column of the text.
      least: Fewest texts that are of use.

    Raises:
      UserError: There is no such file, one cannot be read, or there are too few texts.
    """
    texts: list[str] = []
    for source in find_sources(DataConfig(path=(str(path),), text_field=text_field), "PATH"):
        for record in source.read():
            if isinstance(record, BadDocument):
                raise UserError(f"{record}; mend the file or take it out", ExitCode.UNUSABLE)
            texts.append(record.text)
    texts = [text for text in texts if not text.isspace() and text]
    if len(texts) < least:
        raise UserError(
            f"{path}: {len(texts)} texts that are not empty; at least {least} are needed. "
            "Give one file for each text, or JSONL",
            ExitCode.UNUSABLE,
        )
    return texts
