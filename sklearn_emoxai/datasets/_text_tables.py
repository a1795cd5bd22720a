"""Tables in text files: their encoding, what parts their columns, and rows as wide as the header."""

import codecs
import csv
import io
import re
from collections import Counter

STUB = b"version https://git-lfs.github.com/spec"
_BYTE_ORDER_MARKS = {  # the longer ones first: UTF-32's begins like UTF-16's
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_COMMENT = "#%"
_SEPARATORS = ",;\t|"
_BLANK_AFTER_COMMA = re.compile(r",[ \t]+")


def missing_content(path):
    """Why a file has nothing in it that could be read, as a sentence; None where it has."""
    with path.open("rb") as file:
        head = file.read(len(STUB))
    if not head:
        return "it is empty (0 bytes)."
    if head == STUB:
        return (
            "it is a stub of Git LFS, text in the place of the file; `git lfs pull` in the clone fetches it."
        )
    return None


class TextTable:
    """A table in a text file.

    Read are commas, semicolons, tabs, bars or, where there is none of them, blanks between the columns, UTF-8 and
    UTF-16, quoted values, comments and other lines above the header.

    Parameters
    ----------
    path : Path
    is_header : callable, optional
        Whether a list of names is the header. Without, the first line is that is no comment.
    encoding : str, optional
        What is not UTF-8 is taken for; None refuses it.

    Attributes
    ----------
    names : list of str
        Of the columns, without blanks around them.
    lines : list of int
        Line number of each row.
    separator : str or None
        Between the columns; None is blanks.

    Raises
    ------
    ValueError
        If the file is empty, a stub or no text, or a row has more or fewer values than the header.
    """

    def __init__(self, path, *, is_header=None, encoding=None):
        self.path, self._of_tracker = path, is_header is not None
        text = _decoded(path, encoding).replace("\r\n", "\n").replace("\r", "\n")
        numbered = [(i, line) for i, line in enumerate(text.split("\n"), start=1) if line.strip()]
        if not numbered:
            raise ValueError(f"{path}: expected a CSV; it is empty.")
        first = self._find_header(numbered, is_header)
        self.header_line = numbered[first][0]
        self._quoted = '"' in text
        self._parted_by_blanks_too = False
        records = self._split_quoted(text) if self._quoted else numbered[first:]
        first_row = records[0][1] if self._quoted else _without_mark(records[0][1])
        self.names = [name.strip() for name in self._split(first_row)]
        while len(self.names) > 1 and not self.names[-1]:  # a separator at the end of the line
            self.names.pop()
        self.lines, self._rows = self._check_rows(records)

    def _find_header(self, numbered, is_header):
        """Position of the header's line; `separator` is set to what parts its names."""
        if is_header is not None:
            for i, (_, line) in enumerate(numbered[:100]):
                self.separator = _separator(line)
                if is_header([name.strip(' \t"') for name in self._plain(_without_mark(line))]):
                    return i
        first = 0
        while first + 1 < len(numbered) and re.match(r"\s*(?:[#%]|sep=.$)", numbered[first][1]):
            first += 1
        self.separator = _separator(numbered[first][1])
        if self.separator is None and is_header is None:
            self.separator = ","  # a single column
        return first

    def _plain(self, line, limit=-1):
        """Values of a line without quotes."""
        if self.separator is None:
            return line.split(None, limit)
        return line.split(self.separator, limit)

    def _split_quoted(self, text):
        """(line number, values) of the header and all after it, where values are quoted."""
        reader = csv.reader(io.StringIO(text), delimiter=self.separator or " ", skipinitialspace=True)
        try:
            records = [(reader.line_num, row) for row in reader if not _blank(row)]
        except csv.Error as error:
            raise ValueError(f"{self.path}: not a CSV: {error}.") from error
        return [record for record in records if record[0] >= self.header_line]

    def _split(self, row, limit=-1):
        """Values of a row."""
        if self._quoted:
            return row
        if self._parted_by_blanks_too:
            return _BLANK_AFTER_COMMA.split(row)
        return self._plain(row, limit)

    def _check_rows(self, records):
        """Line numbers and rows, all as wide as the header, without comments and the header's repetitions."""
        width, lines, rows = len(self.names), [], []
        for i, (line, row) in enumerate(records[1:], start=1):
            if self._of_tracker and (row[0] if self._quoted else row).lstrip().startswith(tuple(_COMMENT)):
                continue
            if row == records[0][1]:
                if lines:
                    raise ValueError(
                        f"{self.path}, line {line}: the header again; expected one table a file. Split it there."
                    )
                continue
            got = self._width(row)
            if not self._quoted and not row.strip(f" {self.separator or ''}"):
                continue
            if got != width and not (got > width and _blank(self._split(row)[width:])):
                if not lines and self._commas_are_decimals(row, width):
                    self._parted_by_blanks_too = True
                else:
                    raise ValueError(
                        f"{self.path}, line {line}: expected {width} values as in the first line; got {got}."
                        + self._advice(got, width, is_last=i == len(records) - 1)
                    )
            lines.append(line)
            rows.append(row)
        return lines, rows

    def _width(self, row):
        if self._quoted or self._parted_by_blanks_too or self.separator is None:
            return len(self._split(row))
        return row.count(self.separator) + 1

    def _commas_are_decimals(self, row, width):
        """Whether a comma parts columns only where a blank follows, and decimals elsewhere: 1, 0,98, 12,5."""
        return (
            self.separator == "," and not self._quoted and len(_BLANK_AFTER_COMMA.split(row.strip())) == width
        )

    def _advice(self, got, width, *, is_last):
        if self._of_tracker and self.separator == "," and got > width:
            return (
                " If its decimals are commas, its columns must be parted by semicolons or tabs; else save it "
                "with decimal points."
            )
        if is_last and got < width:
            return " The file seems to be cut off."
        return ""

    def __len__(self):
        return len(self.lines)

    def check_distinct(self, names):
        """Refuse a table in which one of the names is that of several columns."""
        counts = Counter(self.names)
        for name in names:
            if counts[name] > 1:
                raise ValueError(
                    f"{self.path}, line {self.header_line}: expected distinct columns; {name!r} is there "
                    f"{counts[name]} times."
                )

    def columns(self, positions):
        """Values of columns, as text, row by row.

        Parameters
        ----------
        positions : sequence of int

        Returns
        -------
        list of list of str
        """
        limit = max(positions) + 1  # what stands behind the last of them is not taken apart
        split = (self._split(row, limit) for row in self._rows)
        return [[values[i] for i in positions] for values in split]

    def repeated(self):
        """Whether each row repeats an earlier one, a list of bool."""
        seen, found = set(), []
        for row in self._rows:
            key = tuple(row) if self._quoted else row.strip()
            found.append(key in seen)
            seen.add(key)
        return found


def _without_mark(header):
    """A header without the mark of a comment before it."""
    return header.strip(" ").lstrip(_COMMENT).lstrip(" ")


def _blank(values):
    return not any(value.strip() for value in values)


def _separator(line):
    """What parts the names of a header: the mark that is there most often, None where there is none."""
    best = max(_SEPARATORS, key=line.count)
    return best if best in line else None


def _decoded(path, encoding):
    """The text of a file."""
    problem = missing_content(path)
    if problem is not None:
        raise ValueError(f"{path}: expected a CSV; {problem}")
    data = path.read_bytes()
    known = next((name for mark, name in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), None)
    if known is None and b"\0" in data[:200]:
        # Without a mark UTF-16 still shows: every other byte of such a header is zero.
        wide = {"utf-16-le": data[1:200:2], "utf-16-be": data[0:200:2]}
        known = next((name for name, half in wide.items() if not any(half)), None)
        if known is None:
            raise ValueError(f"{path}: not a CSV: it is binary.")
    try:
        return data.decode(known or "utf-8")
    except UnicodeDecodeError as error:
        if known is None and encoding is not None:
            return data.decode(encoding)
        raise ValueError(f"{path}: not a CSV in {(known or 'utf-8').upper()}: {error}.") from error
