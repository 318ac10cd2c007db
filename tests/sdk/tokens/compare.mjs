// SPDX-License-Identifier: Apache-2.0
//
// compare.mjs PROGRAM SEED COUNT: encodes texts drawn from a seed with gpt-tokenizer and with
// token_dump, and compares every token. Left out are U+0085 and U+FEFF, which JavaScript and
// everybody else see differently (tokenizer_split.c), lone surrogates, which are no text, and
// pieces longer than pawl encodes at once. The last line is a JSON object with the counts.
import { spawnSync } from 'node:child_process'
import { encode } from 'gpt-tokenizer/encoding/o200k_base'

const [program, seedText, countText] = process.argv.slice(2)

// A small generator of its own, so that a seed means the same with every version of Node.
let state = BigInt(seedText)
function next(below) {
  state = (state + 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn
  let mixed = state
  mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & 0xffffffffffffffffn
  mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & 0xffffffffffffffffn
  return Number((mixed ^ (mixed >> 31n)) % BigInt(below))
}
const pick = (list) => list[next(list.length)]

const WORDS = (
  'the test still fails so I will look at the code again HTTPServer getURLForName ' +
  "snake_case_name I'm we'LL they'Ve it's DON'T naïve Straße ΑΒΓαβγ привет Мир 你好世界 " +
  '今天天气不错 สวัสดีชาวโลก नमस्ते 안녕하세요 مرحبا بالعالم שלום 👩‍👩‍👧‍👦 🇩🇪 e\u0301 ' +
  '\u0301A \u0301\u0301b ǅ ʰx ªº Ⅷ ½ ٣٤٥ 1234567 3.14159 0xdeadbeef => != /* // ``` \\n ' +
  '{"key": [1,2]} <div class="a"> $HOME C:\\dir user@host.org'
).split(' ')
const SPACES = [' ', ' ', ' ', '  ', '\n', '\r\n', '\t', '\n\n', '   ', ' \n ', '\u00a0', '\u3000']
// Where the pattern's classes are: a code point of any of these, with its neighbours.
const RANGES = [
  [0x20, 0x7f], [0xa0, 0x24f], [0x2b0, 0x36f], [0x370, 0x5ff], [0x600, 0x6ff], [0x900, 0x97f],
  [0xe00, 0xe7f], [0x1c80, 0x1cff], [0x2000, 0x20cf], [0x2100, 0x218f], [0x3000, 0x30ff],
  [0x4e00, 0x4fff], [0xac00, 0xacff], [0xfe00, 0xfeff], [0xff00, 0xffef], [0x10400, 0x1044f],
  [0x1d400, 0x1d7ff], [0x1f300, 0x1f6ff], [0x20000, 0x2a6df], [0xe0100, 0xe01ef],
]
// What an older Node does not know yet, it splits otherwise.
const UNASSIGNED = /\p{Unassigned}/u
function character() {
  const [low, high] = pick(RANGES)
  const codePoint = low + next(high - low + 1)
  const drawn = String.fromCodePoint(codePoint)
  return codePoint === 0xfeff || codePoint === 0x85 || UNASSIGNED.test(drawn) ? 'x' : drawn
}

const RUNS = ['a', 'A', '=', '-', ' ', '\n', '\t', '0', '中', 'ก', '/', '\r', "'"]
const PARTS = [
  () => pick(WORDS) + pick(SPACES),
  () => pick(WORDS),
  () => character(),
  () => Array.from({ length: 1 + next(12) }, character).join(''),
  () => pick(RUNS).repeat(next(300)),
  () => String(next(1e9)) + pick(['', '.', ',', ' ']),
  () => Buffer.from(Array.from({ length: next(60) }, () => next(256))).toString('base64'),
  () => JSON.stringify({ [pick(WORDS)]: pick(WORDS), list: [next(9), pick(WORDS)] }),
]

// Pieces above 2,048 bytes are cut, and their tokens counted with a reserve (tokenizer.h). No piece
// is longer than a blank run and one that is not blank together.
const RUN_BYTES_MAX = 1024
function isExact(value) {
  return (value.match(/\S+|\s+/g) ?? []).every((run) => Buffer.byteLength(run) <= RUN_BYTES_MAX)
}

function text() {
  let result = ''
  do {
    result = ''
    for (let parts = next(40); parts >= 0; parts--) result += pick(PARTS)()
  } while (!isExact(result))
  return result
}

const texts = ['', ...Array.from({ length: Number(countText) }, text)]
const input = Buffer.concat(
  texts.flatMap((value) => {
    const bytes = Buffer.from(value)
    return [Buffer.from(`${bytes.length}\n`), bytes]
  }),
)
const done = spawnSync(program, { input, maxBuffer: 1 << 30 })
if (done.status !== 0) throw new Error(`${program}: ${done.status} ${done.stderr}`)
const lines = done.stdout.toString().split('\n')
let tokens = 0
let different = 0
texts.forEach((value, index) => {
  const [count, ...ranks] = lines[index].split(' ')
  const wanted = encode(value)
  tokens += wanted.length
  if (Number(count) === wanted.length && ranks.join(' ') === wanted.join(' ')) return
  different++
  if (different > 5) return
  const at = wanted.findIndex((rank, place) => String(rank) !== ranks[place])
  console.error(`text ${index}, token ${at}: ${JSON.stringify(value)}\n${wanted}\n${ranks}`)
})
console.log(JSON.stringify({ texts: texts.length, tokens, different, seed: seedText }))
