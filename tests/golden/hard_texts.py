"""Strings that tokenizers tend to get wrong."""
import random

WORDS = """the of and Hello world don't WE'RE I'll it's y'all naïve café Ünïcödé STRASSE straße ſharp's
HTTPServer camelCase snake_case __init__ x1y2z3 3.14159 1,000,000 0xDEADBEEF 12345678901 100% $9.99
Привет МИР ελληνικά ΣΊΣΥΦΟΣ עברית العربية فارسی हिन्दी தமிழ் ภาษาไทย ខ្មែរ 中文字符 日本語テスト カタカナ 한국어 ᄒ
ქართული Հայերեն አማርኛ ᏣᎳᎩ Ǆ ǅ ǆ ﬁ ª º ² ³ ¹ ½ Ⅷ ① ٣٤٥ १२३ 𝟘𝟙 𝔘𝔫𝔦 𐐀𐐨 e\u0301 A\u030a\u0301 \u0301x q\u0323\u0307
👍 👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 ❤️ ☃ € → ∑ ▁ ▁▁x Ġ ĠĠ Ċ <0x0A> &amp; \\n /* // --> ``` #include ()[]{} ... !?!? «» “” —
' '' 's 'S 'ſ 'll 'LL 've '\u017f _ ~ ^ | < > = + `a` @user #tag a/b\\c http://x.y/?q=1&r=2 C++ C# e-mail
a\u200bb \ufeff \u00ad \u180e \u2028 \u2029 \x85 \u00a0 \u3000 \u202f \u1680 \x00 \x01 \x1f \x7f \ufffd \U0010ffff
ẛ̣ Å Å ﷺ ㎏ ｆｕｌｌ ﾊﾝｶｸ ꙮ ꜹ ʰ ˈ ː ා \u0e31 ⁰ ₂ ㍿ 〇 々 〡 ⼀ ㄅ 𠀀 ﬀ Ა ᲀ ⳬ""".split()
SPACES = [" ", "  ", "   ", "    ", "\t", "\n", "\n\n", "\r\n", " \n", "\n ", "\t\t ", "\u00a0",
          "\u3000 ", " \u2003", "\x0b", "\x0c", "\x85", "\r", " \r\n\r\n  ", "\u2028"]
CODE = ["def f(x):\n    return x ** 2  # square\n", "for (int i = 0; i < n; ++i) {\n\tsum += a[i];\n}\n",
        "SELECT * FROM t WHERE a='b';", "<div class=\"x\">\n  <p>Hi&nbsp;</p>\n</div>", "{\"a\": [1, 2.5, null]}",
        "x = y/z // 3\r\n", "\\frac{1}{2}", "#!/bin/sh\n\nset -e\n", "a\n/b\n//c"]


def texts():
    """About 900 strings that tokenizers tend to get wrong."""
    rng = random.Random(20250101)
    result = ["", *SPACES, *WORDS, *CODE]
    result += [space + word for space in SPACES[:8] for word in WORDS[::9]]
    result += [word + space for space in SPACES[8:] for word in WORDS[::13]]
    for _ in range(450):
        parts = []
        for _ in range(rng.randint(2, 9)):
            parts.append(rng.choice(WORDS))
            parts.append(rng.choice(SPACES) if rng.random() < 0.8 else "")
        result.append("".join(parts))
    for _ in range(120):  # any code points, mostly of one block
        base = rng.choice([0, 0, 0x300, 0x600, 0x900, 0x1f00, 0x2000, 0x3040, 0x4e00, 0xac00, 0xfb00,
                           0x1d400, 0x1f300])
        cps = [base + rng.randint(0, 255) for _ in range(rng.randint(1, 20))]
        result.append("".join(map(chr, cps)))
    result += [c * n for c in "x 7!é中\n\u0301" for n in (2, 3, 5, 17, 1000)]
    result += ["ab" * 500, "aA" * 200, " x" * 300, "\u0301a" * 100, "1" * 100 + "a"]
    return list(dict.fromkeys(result))


BLOCKS = [0, 0x80, 0x100, 0x250, 0x2b0, 0x300, 0x370, 0x400, 0x530, 0x590, 0x600, 0x700, 0x900, 0x980,
          0xa00, 0xb80, 0xc00, 0xd00, 0xe00, 0xe80, 0xf00, 0x1000, 0x10a0, 0x1100, 0x1200, 0x13a0, 0x1400,
          0x1680, 0x1780, 0x1800, 0x1ab0, 0x1c80, 0x1d00, 0x1dc0, 0x1e00, 0x1f00, 0x2000, 0x2070, 0x2100,
          0x2150, 0x2190, 0x2200, 0x2460, 0x2500, 0x2600, 0x2c00, 0x2de0, 0x2e80, 0x3000, 0x3040, 0x30a0,
          0x3130, 0x3200, 0x3300, 0x3400, 0x4e00, 0x9f00, 0xa000, 0xa4d0, 0xa640, 0xa720, 0xa830, 0xa960,
          0xaa00, 0xab30, 0xac00, 0xd700, 0xe000, 0xf900, 0xfb00, 0xfb50, 0xfe00, 0xfe70, 0xff00, 0x10000,
          0x10280, 0x10330, 0x10400, 0x10900, 0x11000, 0x12000, 0x13000, 0x16a00, 0x1b000, 0x1d000,
          0x1d400, 0x1e900, 0x1ee00, 0x1f000, 0x1f100, 0x1f300, 0x1f600, 0x1f900, 0x20000, 0x2f800,
          0xe0000, 0x10ff00]
SPECIAL = ["<s>Hi", "a <s> b", "x</s>", "<unk>", " [INST] y [/INST] ", "a<mask>b", "a  <mask>  b", "word",
           "sword", "a word b", "Ünï\u0301", "<s>", "<s></s>", "</s> x", "[CLS] a [SEP]", "[MASK]", "[UNK]x",
           "<|endoftext|>", "x<|im_start|>user\nHi<|im_end|>\n", "<0x41>", "<|eot_id|>", "<bos>a<eos>",
           "<pad>", " <extra_id_0> ", "<|end|>  x", "A|b||c|", "--word--", "word's", "wordword word"]
EMOJI = ["👍", "🏽", "\u200d", "👩", "💻", "❤", "\ufe0f", "🇩", "🇪", "🏳", "🌈", "⃣", "#", "©", "™", "🫠"]
MARKS = [chr(c) for c in (*range(0x300, 0x36f, 5), 0x5b0, 0x64b, 0x93c, 0x94d, 0x9bc, 0xe31, 0xe48, 0x1161,
                          0x11a8, 0x20dd, 0x302a, 0x3099, 0xfe20, 0x1d165)]
SYLLABLES = "an be co di el fu ga ho in ka lo mi nu or pe qui ra st tre um ve wo xi yo za".split()


def _word(rng):
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 5)))


def _sentence(rng):
    words = [_word(rng) for _ in range(rng.randint(3, 14))]
    words[0] = words[0].capitalize()
    return " ".join(words) + rng.choice(".!?,;: ")


def _line_of_code(rng):
    indent = rng.choice(["", "  ", "    ", "\t", "\t\t"])
    names = [_word(rng) + rng.choice(["", "_" + _word(rng), _word(rng).capitalize(), str(rng.randint(0, 999))])
             for _ in range(3)]
    return indent + rng.choice(["if ({0} == {1}) {{ return {2}[i++]; }}", "{0}.{1}({2}, 0x1F) // {1}",
                                "def {0}({1}: int = 3) -> {2}:", "<{0} {1}=\"{2}\"/>", "{0} = '{1}' + `{2}`"]
                               ).format(*names) + rng.choice(["", "\n", "\r\n", "\n\n"])


def many_texts():
    """More than 5,000: those of texts(), and random ones of every kind."""
    rng = random.Random(20261121)
    result = texts() + SPECIAL
    result += [a + rng.choice(["", " ", "  ", "\n"]) + b for a in SPECIAL for b in rng.sample(SPECIAL, 4)]
    for _ in range(900):  # any characters of one or two blocks
        blocks = [rng.choice(BLOCKS) for _ in range(rng.randint(1, 2))]
        cps = [rng.choice(blocks) + rng.randint(0, 127) for _ in range(rng.randint(1, 16))]
        result.append("".join(chr(c) if rng.random() < 0.9 else " " for c in cps if not 0xd800 <= c < 0xe000))
    for _ in range(700):  # bases with marks, emoji sequences
        pool = [*EMOJI, *MARKS, rng.choice("aeio nqAEÅåक한ไอא漢")]
        result.append("".join(rng.choice(pool) if rng.random() < 0.7 else rng.choice("ae n가क")
                              for _ in range(rng.randint(1, 12))))
    for _ in range(900):
        result.append("".join(_sentence(rng) + rng.choice([" ", "", "\n"]) for _ in range(rng.randint(1, 4))))
    for _ in range(500):
        result.append("".join(_line_of_code(rng) for _ in range(rng.randint(1, 4))))
    for _ in range(400):  # white space and control characters
        pool = [*SPACES, *map(chr, range(0x20)), "\x7f", "\u200b", "\u2060", "\ufeff", "a", "1", "."]
        result.append("".join(rng.choice(pool) for _ in range(rng.randint(1, 10))))
    for _ in range(300):  # numbers and punctuation
        result.append("".join(rng.choice(["12", "345", "6", ".", ",", "-", "$", "%", " ", "/", "'", "٣", "½", "x"])
                              for _ in range(rng.randint(1, 16))))
    for _ in range(700):  # words put together
        result.append("".join(rng.choice(WORDS) + rng.choice([*SPACES, "", " ", " "])
                              for _ in range(rng.randint(1, 8))))
    result += [rng.choice(["a", "é", "漢", "x1", "\u0301b", "👍", "ab ", "- "]) * rng.randint(20, 400)
               for _ in range(40)]
    result += ["".join(_word(rng) for _ in range(n)) for n in (30, 60, 120, 200)]
    return list(dict.fromkeys(result))
