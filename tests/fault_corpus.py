"""A corpus of faults, made anew by each test: whole tables with one thing wrong, and what must become of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

HEADER = ["case_id", "day", "amount", "is_open", "region", "place", "note"]
CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: sample.case
version: 1.0.0
status: active
schema:
- name: case
  properties:
  - {name: case_id, logicalType: string, primaryKey: true}
  - {name: day, logicalType: date, required: true}
  - {name: amount, physicalType: 'DECIMAL(12,2)', logicalType: number, required: true}
  - {name: is_open, logicalType: boolean, required: true}
  - name: region
    logicalType: string
    required: true
    quality: [{type: library, metric: invalidValues, arguments: {validValues: [JP, EMEA, APAC]}, mustBe: 0}]
  - {name: place, logicalType: string, customProperties: [{property: multiline, value: false}]}
  - {name: note, logicalType: string, customProperties: [{property: multiline, value: MULTILINE}]}
customProperties:
- {property: encodings, value: [ENCODINGS]}
- {property: delimiter, value: DELIMITER}
"""


def contract_file(
    folder: Path, *, encodings: str = "utf-8", delimiter: str = '","', more: str = "", multiline: str = "false"
) -> Path:
    """The contract of the corpus as a file."""
    file = folder / "case.yaml"
    text = CONTRACT.replace("ENCODINGS", encodings).replace("DELIMITER", delimiter).replace("MULTILINE", multiline)
    file.write_text(text + more, encoding="utf-8")
    return file


def records(count: int = 12) -> list[list[str]]:
    """Records without a fault, no two alike in any way that matters."""
    return [
        [
            f"C{number:03}",
            f"2023-0{1 + number % 9}-1{number % 10}",
            f"{'-' if number % 5 == 4 else ''}{number * 17}.{number % 10}5",
            ["true", "false"][number % 2],
            ["JP", "EMEA", "APAC"][number % 3],
            ["Tokyo, Minato", 'the "old" mill', "", "横浜", "=1+1"][number % 5],
            f"note {number}",
        ]
        for number in range(1, count + 1)
    ]


def written(rows: list[list[str]], *, ending: str = "\n", quoting: int = csv.QUOTE_MINIMAL, header: bool = True) -> str:
    """The records as a careful sender writes them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=ending, quoting=quoting)  # one of csv's four
    writer.writerows([HEADER, *rows] if header else rows)
    return text.getvalue()


@dataclass(frozen=True)
class Fault:
    """A file with one fault. ``harmed`` are the good records that may be lost with it; ``is_whole`` says refuse."""

    name: str
    content: bytes
    faulty: frozenset[str]
    harmed: int = 0
    is_whole: bool = False


def _values(place: int, *wrong: str) -> dict[str, Callable[[list[str]], list[str]]]:
    return {
        f"{HEADER[place]} is {value!r}": lambda cells, value=value: [*cells[:place], value, *cells[place + 1 :]]
        for value in wrong
    }


# What can be wrong with the cells of one record, whichever way they are written.
CELLS: dict[str, Callable[[list[str]], list[str]]] = {
    "no last cell": lambda cells: cells[:-1],
    "no first cell": lambda cells: cells[1:],
    "an empty cell too many": lambda cells: [*cells, ""],
    "a cell too many": lambda cells: [*cells, "x"],
    "a cell twice": lambda cells: [cells[0], *cells],
    "only empty cells": lambda cells: [""] * len(cells),
    "one cell": lambda cells: cells[:1],
    "the header again": lambda cells: HEADER,
    "a total": lambda cells: ["total", "", "99999.99", "", "", "", ""],
    **_values(
        0, "", " C1", "C1 ", "C1\u00a0", "C\x001", "C\x07", "C\x1b[0m", "C\u0085", "C\u2028", "C\ufeff", "C\ufffd"
    ),
    **_values(
        1, "", "2023-02-30", "03/04/2024", "2024-1-2", "20240102", "2024-01-02 ", "infinity", "epoch", "0000-00-00"
    ),
    **_values(1, "20240-01-01", "1899-12-31", "2101-01-01", "2024-13-01", "2024/01/02", "2024-01-02T00:00:00", "today"),
    **_values(1, "\uff12\uff10\uff12\uff13-01-01", "2023-01-01 (BC)", "45000", "令和5年1月1日"),
    **_values(2, "", "1e2", "1_000", "1,000.00", "2.555", "inf", "-Infinity", "NaN", "+1", ".5", "5.", " 1", "1 "),
    **_values(2, "\uff11\uff12", "\u0661"),
    **_values(2, "0x10", "1.2.3", "99999999999", "--1", "1-", "(1)", "1 000", "1.000,00", "¥100", "5%", "one", "1;2"),
    **_values(3, "", "TRUE", "yes", "1", "0", "t", "True", " true"),
    **_values(4, "", "jp", "XX", "JP ", "JP;EMEA", "\uff2a", "JP\t"),
    **_values(5, " before", "behind ", "\u3000wide", "a\rb", "a\x1ab", "a\x7fb", "a\nb", "a\r\nb"),
}

# What can be wrong with the line of one record as it is written: its quotes, its delimiters, its end.
LINES: dict[str, Callable[[str], str]] = {
    "a quote that opens and stays open": lambda line: line.replace(",note", ',"note'),
    "a quote before the first cell": lambda line: '"' + line,
    "a quote behind the last cell": lambda line: line + '"',
    "a quote in a plain cell": lambda line: line.replace(",note", ',no"te'),
    "text behind a closed cell": lambda line: line.replace(",note", ',"note"x'),
    "text before a quoted cell": lambda line: line.replace(",note", ',x"note"'),
    "an escaped quote of another kind": lambda line: line.replace(",note", ',"no\\"te"'),
    "three quotes": lambda line: line.replace(",note", ',"""note'),
    "a space before a quoted cell": lambda line: line.replace(",note", ', "note"'),
    "another delimiter": lambda line: line.replace(",", ";"),
    "a tab for the first delimiter": lambda line: line.replace(",", "\t", 1),
    "no delimiters": lambda line: line.replace(",", ""),
    "blanks behind the delimiters": lambda line: line.replace(",", ", "),
    "cut in half": lambda line: line[: len(line) // 2],
    "one word": lambda _: "ERROR",
    "a comment": lambda line: "# " + line.replace(",", " "),
    "a rule": lambda _: "-----",
    "an SQL error": lambda _: "ORA-01555: snapshot too old, rollback, segment",
    "a control Z": lambda _: "\x1a",
    "a blank": lambda _: " ",
    "a tab": lambda _: "\t",
    "only a quote": lambda _: '"',
    "two quotes": lambda _: '""',
    "only delimiters": lambda _: "," * 6,
    "a lone carriage return in it": lambda line: line[:5] + "\r" + line[5:],
    "NULs for text": lambda line: "\0" * len(line),
}


def record_faults() -> Iterator[Fault]:
    """One broken record among good ones, in several places of the file and several ways of writing."""
    good = records()
    ways = [("\n", csv.QUOTE_MINIMAL, place) for place in (0, 5, 11)] + [("\r\n", csv.QUOTE_ALL, 4)]
    for ending, quoting, place in ways:
        way = f"{'CRLF, all quoted' if quoting else 'LF'}, record {place + 1}"
        for name, change in CELLS.items():
            changed = change(good[place])
            if changed == good[place]:
                continue
            rows = [*good[:place], changed, *good[place + 1 :]]
            yield Fault(
                f"{name}; {way}", written(rows, ending=ending, quoting=quoting).encode(), frozenset({good[place][0]})
            )
        if quoting == csv.QUOTE_ALL:
            continue
        lines = written(good, ending=ending, quoting=quoting).split(ending)
        for name, alter in LINES.items():
            text = ending.join([*lines[: place + 1], alter(lines[place + 1]), *lines[place + 2 :]])
            yield Fault(f"{name}; {way}", text.encode(), frozenset({good[place][0]}))
        if place < len(good) - 1:
            both = frozenset({good[place][0], good[place + 1][0]})
            joined = [*lines[: place + 1], lines[place + 1] + lines[place + 2], *lines[place + 3 :]]
            yield Fault(f"no line break behind it; {way}", ending.join(joined).encode(), both)
            opened, closed = lines[place + 1].replace(",note", ',"note'), lines[place + 2] + '"'
            swallowed = [*lines[: place + 1], opened, closed, *lines[place + 3 :]]
            yield Fault(f"a quote that swallows a line break; {way}", ending.join(swallowed).encode(), both)


def twin_fault() -> Fault:
    """Two records of one key: the first stays."""
    good = records()
    return Fault("a key twice", written([*good, [*good[3][:-1], "other"]]).encode(), frozenset())


def whole_faults() -> Iterator[Fault]:
    """Faults that concern a file as a whole: it must be refused, whatever its records look like."""
    text = written(records())
    head, _, body = text.partition("\n")

    def whole(name: str, content: str | bytes) -> Fault:
        return Fault(name, content if isinstance(content, bytes) else content.encode(), frozenset(), is_whole=True)

    yield whole("an empty file", b"")
    yield whole("only a line break", b"\n")
    yield whole("no header", body)
    yield whole("a title before the header", "Cases of March\n" + text)
    yield whole("an open quote in the header", '"' + text)
    yield whole("another delimiter", text.replace(",", ";"))
    yield whole("a page of HTML", "<html><body>log in first</body></html>")
    yield whole("JSON", '{"case_id": "C001"}')
    for place, name in enumerate(HEADER):
        names = list(HEADER)
        for what, other in {
            "is missing": None,
            "is there in capitals": name.upper(),
            "has a blank before it": " " + name,
            "has a hard blank behind it": name + "\u00a0",
            "is another": f"column_{place}",
            "is empty": "",
            "is its neighbor's": HEADER[place - 1],
            "ends in a semicolon": name + ";",
            "has a byte order mark behind it": name + "\ufeff",
            "has a letter in full width": name[:-1] + chr(ord(name[-1]) + 0xFEE0),
        }.items():
            changed = [*names[:place], *([other] if other is not None else []), *names[place + 1 :]]
            yield whole(f"column {name} {what}", ",".join(changed) + "\n" + body)
    yield whole("a column more", head + ",extra\n" + body.replace("\n", ",x\n"))
    yield whole("UTF-16 with a mark", text.encode("utf-16"))
    yield whole("UTF-16 without a mark", text.encode("utf-16-le"))
    yield whole("UTF-32", text.encode("utf-32"))
    yield whole("CP932", text.encode("cp932"))
    yield whole("one byte of CP1252", text.encode().replace(b"note 3", b"note \x96"))
    yield whole("one byte cut from a letter", text.encode().replace("浜".encode(), "浜".encode()[:2]))
    yield whole("a surrogate", text.encode().replace(b"note 3", b"\xed\xa0\x80"))
    yield whole("an overlong form", text.encode().replace(b"note 3", b"\xc0\xaf"))
    yield whole("a letter past Unicode", text.encode().replace(b"note 3", b"\xf5\x80\x80\x80"))
    for magic in (b"PK\x03\x04", b"\x1f\x8b\x08", b"PAR1", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"%PDF-1.7", b"BZh9"):
        yield whole(f"other content under the name ({magic[:4]!r})", magic + text.encode())


def corpus() -> list[Fault]:
    """Every fault of the corpus, no two of the same bytes."""
    faults = [*record_faults(), *whole_faults(), twin_fault()]
    return list({fault.content: fault for fault in faults}.values())
