// SPDX-License-Identifier: Apache-2.0
//
// golden.mjs: prints tests/fixtures/tokens/o200k_base.txt, what gpt-tokenizer makes of a list of
// texts: a line each, the text's bytes in hex and the ranks of its tokens. The unit test reads that
// file, so it needs no Node; run this again when a text is added to the list.
import { encode } from 'gpt-tokenizer/encoding/o200k_base'

const TEXTS = [
  'hello world',
  "I'm sure they'LL say we'Ve done it; DON'T.",
  'static int64_t tokens_at(int64_t bytes)\n{\n\treturn bytes / 4; // ceil?\n}\n',
  'def f(x):\n    if x:\n        return {"a": [1, 2, 3]}\n\n\n    return None\r\n',
  '今天天气不错，我们去公园散步。',
  'สวัสดีชาวโลก ผมชอบกินข้าวผัด',
  'नमस्ते दुनिया, 안녕하세요 세계, こんにちは世界、カタカナ',
  'مرحبا بالعالم שלום עולם Привет, мир! Ελληνικά',
  '👩‍👩‍👧‍👦 🇩🇪 ☕️ e\u0301 \u0301A \u0301\u0301b ǅungla ʰx',
  '1234567890 3.14159 ½ Ⅷ ٣٤٥ 0xdeadbeef 2026-11-28T13:00:00Z',
  '   leading and trailing   ',
  '\n\n\n  \n\t\t x \r\n\r\n',
  ' '.repeat(200) + 'x' + '\t'.repeat(70),
  'a'.repeat(500),
  '='.repeat(300) + '\n/' + '-'.repeat(77) + '/\n\n/',
  '中'.repeat(120),
  'The HTTPServerFactoryBean2 getURLForÜbungsleiterIn',
  'AAAbbbCCC中DDDeee中FFF',
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9' +
    'awAAAABJRU5ErkJggg==',
  '<|endoftext|> is text here',
  '\u0000\u0001\u001b[31mred\u001b[0m',
]
for (const text of TEXTS) {
  const ranks = encode(text, { disallowedSpecial: new Set() })
  console.log([Buffer.from(text).toString('hex'), ...ranks].join(' '))
}
