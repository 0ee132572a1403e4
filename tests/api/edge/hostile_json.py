"""Bodies that no reader of JSON may take: for each, its bytes and the field that is blamed.

`None` blames some field; which one depends on nothing that a caller could use.
"""

__all__ = ["HOSTILE"]

DEEP = 40


def _in(member: str) -> bytes:
    return b'{"a": {"b": [' + member.encode("utf-8", "surrogatepass") + b"]}}"


HOSTILE: dict[str, tuple[bytes, str]] = {
    "only blanks": (b"   ", "body"),
    "a word": (b"hola", "body"),
    "single quotes": (b"{'a': 1}", "body"),
    "unquoted key": (b"{a: 1}", "body"),
    "half an object": (b'{"a": 1', "body"),
    "half a string": (b'{"a": "x', "body"),
    "half an escape": (b'{"a": "\\u12"}', "body"),
    "unknown escape": (b'{"a": "\\x41"}', "body"),
    "trailing comma in an object": (b'{"a": 1,}', "body"),
    "trailing comma in a list": (b'{"a": [1,]}', "body"),
    "a comment": (b'{"a": 1 /* x */}', "body"),
    "two documents": (b'{"a": 1}{"a": 1}', "body"),
    "data behind the document": (b'{"a": 1} x', "body"),
    "NUL behind the document": (b'{"a": 1}\x00', "body"),
    "byte order mark": (b'\xef\xbb\xbf{"a": 1}', "body"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "body"),
    "UTF-16 without a mark": ('{"a": 1}'.encode("utf-16-le"), "body"),
    "UTF-32": ('{"a": 1}'.encode("utf-32-be"), "body"),
    "Latin-1": ('{"a": "ñ"}'.encode("latin-1"), "body"),
    "a stray continuation byte": (b'{"a": "\x80"}', "body"),
    "overlong NUL": (b'{"a": "\xc0\x80"}', "body"),
    "overlong slash": (b'{"a": "\xe0\x80\xaf"}', "body"),
    "beyond Unicode": (b'{"a": "\xf4\x90\x80\x80"}', "body"),
    "encoded surrogate": (b'{"a": "\xed\xa0\x80"}', "body"),
    "raw NUL in a text": (b'{"a": "x\x00y"}', "body"),
    "raw line feed in a text": (b'{"a": "x\ny"}', "body"),
    "a bell in a text": (b'{"a": "\x07"}', "body"),
    "escaped NUL": (_in('"x\\u0000"'), "a.b.0"),
    "escaped NUL in a key": (_in('{"x\\u0000": 1}'), "a.b.0"),
    "high surrogate alone": (_in('"\\ud800"'), "a.b.0"),
    "low surrogate alone": (_in('"\\udc00x"'), "a.b.0"),
    "surrogates the wrong way round": (_in('"\\udc00\\ud800"'), "a.b.0"),
    "surrogate in a key": (_in('{"\\udfff": 1}'), "a.b.0"),
    "NaN": (_in("NaN"), "a.b.0"),
    "Infinity": (_in("Infinity"), "a.b.0"),
    "-Infinity": (_in("-Infinity"), "a.b.0"),
    "nan in small letters": (_in("nan"), "body"),
    "1e999": (_in("1e999"), "a.b.0"),
    "-1e999": (_in("-1E+999"), "a.b.0"),
    "2^63": (_in(str(2**63)), "a.b.0"),
    "-2^63 - 1": (_in(str(-(2**63) - 1)), "a.b.0"),
    "5,000 digits": (_in("9" * 5000), "a.b.0"),
    "leading zero": (_in("012"), "body"),
    "leading plus": (_in("+1"), "body"),
    "hexadecimal": (_in("0x1F"), "body"),
    "a bare point": (_in("1."), "body"),
    "the same key twice": (b'{"a": 1, "a": 2}', "a"),
    "the same key twice, escaped": (b'{"a": 1, "\\u0061": 2}', "a"),
    "the same key twice, deep": (_in('{"c": [{"d": 1, "e": 2, "d": 1}]}'), "a.b.0.c.0.d"),
    "the same odd key twice": (b'{"<script>": 1, "<script>": 2}', "?"),
    "33 levels of lists": (b"[" * 33 + b"]" * 33, "0.0"),
    "40 levels of objects": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, "a.a"),
    "100,000 levels of lists": (b"[" * 100_000, "body"),
    "40,000 levels of objects": (b'{"a":' * 40_000, "body"),
    "2,001 values": (b'{"a": [' + b"1," * 1998 + b"1]}", "body"),
    "100,000 values": (b"[" + b"0," * 100_000 + b"0]", "body"),
    "10,000 empty objects": (b"[" + b"{}," * 10_000 + b"{}]", "body"),
}
