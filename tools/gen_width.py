#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gen_width.py: writes src/cli/width.def, the ranges of characters that are not one column wide,
by the Unicode character database that Python has (East_Asian_Width and General_Category).
"""
import sys
import unicodedata

import gate

TABLE = gate.ROOT / "src/cli/width.def"
SOFT_HYPHEN = 0xad
JAMO_WITHIN_SYLLABLES = range(0x1160, 0x1200)
HEAD = """/* SPDX-License-Identifier: Apache-2.0 */
/*
 * width.def: PAWL_WIDTH(first, last, columns): characters that are not one column wide. Two:
 * East_Asian_Width W or F. None: marks that stand on the character before, formats, the inner jamo
 * of Hangul. Sorted. By tools/gen_width.py from Unicode %s.
 */
/* clang-format off */
"""


def width_of(code):
    """Columns, or None of what is no character."""
    char = chr(code)
    category = unicodedata.category(char)
    if category in ("Cn", "Cs"):
        return None
    if category in ("Mn", "Me") or code in JAMO_WITHIN_SYLLABLES or \
            (category == "Cf" and code != SOFT_HYPHEN):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def ranges():
    """(first, last, columns); what is no character goes with what is around it."""
    found = []
    for code in range(0x80, sys.maxunicode + 1):
        width = width_of(code)
        if width is None:
            continue
        if found and found[-1][2] == width:
            found[-1][1] = code
        else:
            found.append([code, code, width])
    return [row for row in found if row[2] != 1]


def main():
    cells = [f"PAWL_WIDTH(0x{first:04x}, 0x{last:04x}, {width})" for first, last, width in ranges()]
    lines = [" ".join(cells[at:at + 3]) for at in range(0, len(cells), 3)]
    TABLE.write_text(HEAD % unicodedata.unidata_version + "\n".join(lines) +
                     "\n/* clang-format on */\n", encoding="utf-8")


if __name__ == "__main__":
    main()
