#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// refresh_prices.mjs: makes data/prices.json, the price book that is embedded in the binary.
//
// The prices come from the npm package @pydantic/genai-prices (MIT), pinned below by version and
// by the hash of its archive. The package is fetched with `npm pack` into a temporary folder, read,
// and written again in a format of our own: one model a line, integers only, fixed order, so
// that a refresh is a readable diff and the same package always gives the same bytes.
//
// Run it as `node tools/refresh_prices.mjs`, or with `--check` to fail when the file in the
// tree is not what the pinned package gives. To take a newer package, change PACKAGE and read
// the diff.
//
// What is decided here and not in C:
//   * Prices are integers: microcents (10^-8 USD) per million tokens, or per thousand for what is
//     counted in pieces. A price with more decimals is rounded up and listed under "rounded".
//   * A price may change on a date (rows with "from") and with the size of the prompt (rows with
//     "over"). The package's rule for tiers: a row applies to ALL tokens of a request whose
//     input, cache reads and writes included, is greater than "over".
//   * A price that depends on the time of day becomes the dearest of the day ("time_of_day").
//   * Models with a price that pawl cannot meter (hours of audio, pages) or with none at all are
//     left out, so that a call to them is refused rather than booked too low. Only ids that end
//     in ":free" are taken as free.
//   * Where the package gives no price for long-lived cache writes, longWrite() below fills it, and
//     where it gives none for searches that a vendor bills by model, searchFee().
//   * ADDITIONS are models on the vendor's own page that the pinned package does not have yet,
//     and names that lead to whatever model is newest.
//   * What a vendor bills for long prompts its reseller bills too (addLongPrompts).
//   * A price that its vendor promises up to a day only (ENDING) is the earlier one again behind
//     it.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const PACKAGE = {
  name: '@pydantic/genai-prices',
  version: '0.1.8',
  released: '2026-09-23',
  integrity:
    'sha512-' +
    'h7CYw6qTyflG2zUndO8tXyL8Xopf+tX9JZu13h0ZFgeyYj+J2gm1edR4+R+mbQ2vPdkFjtTmmmu1cYQPM5/KTA==',
}

const DOLLAR = 100000000n

// The package's price keys that pawl can meter, and their names here.
const KINDS = new Map([
  ['input_mtok', 'input'],
  ['cache_read_mtok', 'cache_read'],
  ['cache_write_mtok', 'cache_write'],
  ['cache_write_1h_mtok', 'cache_write_long'],
  ['output_mtok', 'output'],
  ['output_reasoning_mtok', 'reasoning'],
  ['input_audio_mtok', 'input_audio'],
  ['cache_audio_read_mtok', 'cache_audio_read'],
  ['output_audio_mtok', 'output_audio'],
  ['input_image_mtok', 'input_image'],
  ['cache_image_read_mtok', 'cache_image_read'],
  ['output_image_mtok', 'output_image'],
  ['input_video_mtok', 'input_video'],
  ['output_video_mtok', 'output_video'],
  ['requests_kcount', 'per_1000_requests'],
  ['web_searches_kcount', 'per_1000_web_searches'],
  ['storage_searches_kcount', 'per_1000_file_searches'],
])

// Providers in the file, in this order: hosts (a leading dot is a suffix) tell the provider from
// the upstream's address, aliases from the vendor part of "vendor/model".
const PROVIDERS = [
  ['anthropic', ['api.anthropic.com'], []],
  ['openai', ['api.openai.com', 'eu.api.openai.com', 'us.api.openai.com'], []],
  [
    'google',
    ['generativelanguage.googleapis.com', '.googleapis.com'],
    ['gemini', 'vertex', 'vertex_ai'],
  ],
  ['aws', ['.amazonaws.com'], ['bedrock', 'amazon']],
  [
    'azure',
    [
      '.openai.azure.com',
      '.azure-api.net',
      '.cognitiveservices.azure.com',
      '.services.ai.azure.com',
    ],
    ['azure_ai'],
  ],
  ['arcee', ['api.arcee.ai'], ['arcee-ai']],
  ['avian', ['api.avian.io'], []],
  ['baseten', ['inference.baseten.co'], []],
  ['cerebras', ['api.cerebras.ai'], []],
  ['cloudflare', ['api.cloudflare.com'], []],
  ['cohere', ['api.cohere.com', 'api.cohere.ai'], []],
  ['deepseek', ['api.deepseek.com'], []],
  ['doubleword', ['api.doubleword.ai'], []],
  ['fireworks', ['api.fireworks.ai'], ['fireworks_ai']],
  ['groq', ['api.groq.com'], []],
  ['minimax', ['api.minimax.io', 'api.minimaxi.com'], []],
  ['mistral', ['api.mistral.ai'], ['mistralai']],
  ['moonshotai', ['api.moonshot.ai', 'api.moonshot.cn'], ['moonshot']],
  ['novita', ['api.novita.ai'], []],
  ['openrouter', ['openrouter.ai', 'api.openrouter.ai'], []],
  ['ovhcloud', ['oai.endpoints.kepler.ai.cloud.ovh.net'], []],
  ['perplexity', ['api.perplexity.ai'], []],
  ['together', ['api.together.xyz', 'api.together.ai'], ['together_ai', 'together-ai']],
  ['voyageai', ['api.voyageai.com'], ['voyage']],
  ['x-ai', ['api.x.ai'], ['xai', 'grok']],
  ['zai', ['api.z.ai'], ['z-ai']],
  ['zhipuai', ['open.bigmodel.cn'], []],
]
// In the package and left out: prices of plans rather than of an API key (cursor,
// github-copilot), routers that one host name does not tell apart (huggingface_*), and hosts
// too small to check.
const LEFT_OUT = /^(cursor|github-copilot|huggingface_.*|modal|quicksilverpro|typesafe)$/
// Hosts that the package's own pattern does not cover.
const HOSTS_BEYOND_PATTERN = new Set([
  'eu.api.openai.com',
  'us.api.openai.com',
  'api.together.ai',
])

// Long-lived cache writes where the package is silent. Anthropic documents 2 x input for one hour
// (1.25 x for five minutes); OpenAI documents 2 x its thirty-minute write for twelve hours.
//   platform.claude.com/docs/en/build-with-claude/prompt-caching
//   developers.openai.com/api/docs/models/gpt-6.2-sol
function longWrite(provider, model, price) {
  if (price.cache_write === undefined || price.cache_write_long !== undefined) return undefined
  if (/claude/.test(model)) return price.input * 2n
  if (provider === 'openai' || /(^|[/.])gpt-/.test(model)) return price.cache_write * 2n
  return undefined
}

// Searches of a model whose list has no fee for them, where its vendor's differ by model: Google
// bills each query since Gemini 3; the fee of those before, a grounded prompt, stands in TOOLS.
//   ai.google.dev/gemini-api/docs/pricing, "Grounding with Google Search"
function searchFee(provider, model, price) {
  if (price.per_1000_web_searches !== undefined) return undefined
  return provider === 'google' && /^gemini-([3-9]|omni)/.test(model) ? 14n * DOLLAR : undefined
}

// What a vendor says to cost less "at least through" a day. What comes behind it nobody has
// said, so the price before counts again; an entry goes when the package knows.
//   developers.openai.com/api/docs/models/gpt-5.6-sol, read 2026-11-28: through 2026-11-21
const ENDING = { 'openai/gpt-5.6-sol': '2026-11-22' }

function backAgain(where, rows) {
  const from = ENDING[where]
  const last = rows[rows.length - 1].from ?? ''
  if (from === undefined || last >= from) return rows
  const before = rows.filter((row) => row.from === undefined)
  return [...rows, ...before.map((row) => ({ ...row, from }))]
}

// Models of the two providers that pawl meters first, taken from the vendor's own pages and not
// in the pinned package; each price was found alike in two other places or more. An entry goes
// away by itself (with a notice) once the package has its id. Amounts in USD.
const ADDED_ON = '2026-11-28'
const claude = (input, write, long, read, output) => ({
  input,
  cache_read: read,
  cache_write: write,
  cache_write_long: long,
  output,
  per_1000_web_searches: '10',
})
const gpt = (input, read, write, output, long) => [
  {
    input,
    cache_read: read,
    cache_write: write,
    output,
    per_1000_web_searches: '10',
    per_1000_file_searches: '2.5',
  },
  { over: 272000, ...long, per_1000_web_searches: '10', per_1000_file_searches: '2.5' },
]
// Of a picture: text in, pictures in, each cached, and pictures out.
const pictures = (id, match, text, textRead, image, imageRead, out) => ({
  id,
  match,
  rows: [
    {
      input: text,
      cache_read: textRead,
      output: out,
      input_image: image,
      cache_image_read: imageRead,
      output_image: out,
    },
  ],
})
const tuned = (base, input, read, output) => ({
  id: `ft:${base}`,
  match: [`^ft:${base}-20`],
  rows: [{ input, cache_read: read, output }],
})
// A name that its vendor moves from model to model: the dearest of those that it may stand for.
const newest = (id, ...rows) => ({ id, context: 1048576, rows })
// What the vendors bill for tools that they run, where a model's own list has no fee, in USD.
const TOOLS = {
  anthropic: {
    source: 'platform.claude.com/docs/en/about-claude/pricing: Specific tool pricing',
    // $0.05 / 60 * 1000, rounded up.
    fees: { per_1000_web_searches: '10', per_1000_container_minutes: '0.83333334' },
  },
  openai: {
    source: 'developers.openai.com/api/docs/pricing: Built-in tools; changelog of 2026-06-02',
    // The dearest of its searches; $0.03 for 20 minutes of a gigabyte, by the minute.
    fees: {
      per_1000_web_searches: '25',
      per_1000_file_searches: '2.5',
      per_1000_container_minutes: '1.5',
    },
  },
  google: {
    source: 'ai.google.dev/gemini-api/docs/pricing: Grounding with Google Search',
    // A grounded prompt, through Gemini 2.5; searchFee() has the rest.
    fees: { per_1000_web_searches: '35' },
  },
}
const ADDITIONS = {
  anthropic: [
    {
      id: 'claude-sonnet-5-5',
      context: 1000000,
      match: [
        '=claude-sonnet-5-5',
        '=claude-sonnet-5-5-########',
        '^claude-sonnet-5.5',
        '^claude-5.5-sonnet',
      ],
      // Cache reads were 0.2 until 2026-10-07.
      rows: [claude('2', '2.5', '4', '0.1', '10')],
    },
    {
      id: 'claude-haiku-5-5',
      context: 1000000,
      match: [
        '=claude-haiku-5-5',
        '=claude-haiku-5-5-########',
        '^claude-haiku-5.5',
        '^claude-5.5-haiku',
      ],
      rows: [
        claude('0.1', '0.125', '0.2', '0.01', '0.5'),
        { over: 100000, ...claude('0.5', '0.625', '1', '0.05', '2.5') },
      ],
    },
    {
      id: 'claude-mythos-5-1',
      context: 1000000,
      match: ['=claude-mythos-5-1', '=claude-mythos-5-1-########'],
      rows: [claude('10', '12.5', '20', '0.25', '50')],
    },
    {
      id: 'claude-mythos-5',
      context: 1000000,
      match: ['=claude-mythos-5', '=claude-mythos-5-########'],
      rows: [claude('10', '12.5', '20', '1', '50')],
    },
  ],
  openai: [
    {
      id: 'gpt-6.2-sol',
      context: 1050000,
      match: ['=gpt-6.2-sol', '=gpt-6.2-sol-####-##-##'],
      rows: gpt('2', '0.1', '2.5', '10', {
        input: '4',
        cache_read: '0.2',
        cache_write: '5',
        output: '15',
      }),
    },
    {
      id: 'gpt-6.1-sol',
      context: 1050000,
      match: ['=gpt-6.1-sol', '=gpt-6.1-sol-####-##-##'],
      rows: gpt('2', '0.1', '2.5', '10', {
        input: '4',
        cache_read: '0.2',
        cache_write: '5',
        output: '15',
      }),
    },
    {
      id: 'gpt-6.1-terra',
      context: 1050000,
      match: ['=gpt-6.1-terra', '=gpt-6.1-terra-####-##-##'],
      rows: gpt('1', '0.05', '1.25', '5', {
        input: '2',
        cache_read: '0.1',
        cache_write: '2.5',
        output: '7.5',
      }),
    },
    pictures(
      'gpt-image-2.5',
      ['^gpt-image-2.5-flare', '^gpt-image-2.5-sunburst'],
      '5',
      '1.25',
      '8',
      '2',
      '30',
    ),
    pictures('chatgpt-image-latest', undefined, '5', '1.25', '8', '2', '32'),
    tuned('gpt-4.1', '3', '0.75', '12'),
    tuned('gpt-4.1-mini', '0.8', '0.2', '3.2'),
    tuned('gpt-4.1-nano', '0.2', '0.05', '0.8'),
    tuned('o4-mini', '4', '1', '16'),
  ],
  google: [
    newest(
      'gemini-pro-latest',
      { input: '2', cache_read: '0.2', output: '12', per_1000_web_searches: '14' },
      { over: 200000, input: '4', cache_read: '0.4', output: '18', per_1000_web_searches: '14' },
    ),
    newest('gemini-flash-latest', {
      input: '1.5',
      cache_read: '0.15',
      output: '9',
      input_audio: '1.5',
      per_1000_web_searches: '14',
    }),
    newest('gemini-flash-lite-latest', {
      input: '0.3',
      cache_read: '0.03',
      output: '2.5',
      input_audio: '0.5',
      per_1000_web_searches: '14',
    }),
  ],
}

const LICENCE =
  'MIT, Copyright (c) Pydantic Services Inc. 2025 to present; see prices.LICENSE beside this file'
const UNITS =
  'rows hold microcents (1 USD = 100000000) per million tokens, ' +
  'or per thousand where the name says so'

const rounded = []
const notices = []

// --- Fetching ---------------------------------------------------------------------------------

function fetchPackage(dir) {
  const out = execFileSync(
    'npm',
    ['pack', '--silent', '--json', `${PACKAGE.name}@${PACKAGE.version}`],
    {
      cwd: dir,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const archive = path.join(dir, JSON.parse(out)[0].filename)
  const hash =
    'sha512-' + createHash('sha512').update(fs.readFileSync(archive)).digest('base64')
  if (hash !== PACKAGE.integrity)
    throw new Error(`the archive's hash is ${hash}, not the pinned one`)
  execFileSync('tar', ['-xzf', archive, '-C', dir])
  return path.join(dir, 'package')
}

// --- Numbers ----------------------------------------------------------------------------------

// Decimal text (or a number, whose shortest decimal text is what the package's author wrote) of
// USD to microcents. What does not fit eight decimals is rounded up and recorded.
function microcents(value, where) {
  let text = String(value)
  const exponent = /^([0-9.]+)e([+-]\d+)$/.exec(text)
  if (exponent) {
    const shift = Number(exponent[2])
    const [whole, part = ''] = exponent[1].split('.')
    if (shift > 0) throw new Error(`${where}: ${text} is no price`)
    text = '0.' + '0'.repeat(-shift - whole.length) + whole + part
  }
  const parts = /^(\d+)(?:\.(\d+))?$/.exec(text)
  if (!parts) throw new Error(`${where}: ${text} is no decimal number`)
  const decimals = (parts[2] ?? '').replace(/0+$/, '')
  const kept = decimals.slice(0, 8).padEnd(8, '0')
  let result = BigInt(parts[1]) * DOLLAR + BigInt(kept)
  if (decimals.length > 8) {
    rounded.push(`${where}: ${text}`)
    result += 1n
  }
  if (result > 1000000n * DOLLAR) throw new Error(`${where}: ${text} USD is not plausible`)
  return result
}

// --- Rules that match model names -------------------------------------------------------------

// A rule is an operator and a text in lower case: "=" equals, "^" starts with, "$" ends with,
// "*" contains; "!" in front negates; "#" in the text stands for one digit. Rules in an inner
// list must all hold.
function rule(op, text) {
  if (text.includes('#')) throw new Error(`"${text}" contains the digit sign`)
  return op + text.toLowerCase()
}

function regexRules(source) {
  if (source === '^(?!.*-[tT][tT][sS](?:$|-))') return ['!$-tts', '!*-tts-']
  const anchored = /^\^(.*?)(\$?)$/.exec(source)
  if (!anchored) throw new Error(`a regular expression without "^": ${source}`)
  let rest = anchored[1]
  let text = ''
  while (rest !== '') {
    let m
    if ((m = /^\\d(?:\{(\d+)\})?/.exec(rest))) text += '#'.repeat(Number(m[1] ?? 1))
    else if ((m = /^\\([.[\]/-])/.exec(rest))) text += m[1]
    else if ((m = /^[A-Za-z0-9/=_:-]/.exec(rest))) text += m[0]
    else throw new Error(`cannot turn ${source} into a rule`)
    rest = rest.slice(m[0].length)
  }
  return [(anchored[2] ? '=' : '^') + text.toLowerCase()]
}

function leafRules(match) {
  const [[op, text]] = Object.entries(match)
  const ops = { equals: '=', starts_with: '^', ends_with: '$', contains: '*' }
  if (op === 'regex') return regexRules(text)
  if (!(op in ops)) throw new Error(`unknown rule ${op}`)
  return [rule(ops[op], text)]
}

// An "or" of leaves and of "and"s of leaves; nothing in the package nests deeper.
function matchRules(match) {
  if (match.or) return match.or.flatMap(matchRules)
  const all = (match.and ?? [match]).flatMap(leafRules)
  return [all.length === 1 ? all[0] : all]
}

function uniqueRules(rules) {
  const seen = new Set()
  return rules.filter((r) => !seen.has(JSON.stringify(r)) && seen.add(JSON.stringify(r)))
}

// --- Rows -------------------------------------------------------------------------------------

// One price list to {kind: {base, tiers}}; undefined when it has a price that pawl cannot meter.
function priceList(prices, where) {
  const list = new Map()
  for (const [key, value] of Object.entries(prices)) {
    const kind = KINDS.get(key)
    if (!kind) return undefined
    const tiers = typeof value === 'object' ? value.tiers : []
    list.set(kind, {
      base: microcents(typeof value === 'object' ? value.base : value, `${where} ${kind}`),
      tiers: [...tiers]
        .sort((a, b) => a.start - b.start)
        .map((t) => ({ over: t.start, price: microcents(t.price, `${where} ${kind}`) })),
    })
  }
  return list
}

function priceAt(entry, over) {
  let price = entry.base
  for (const tier of entry.tiers) if (tier.over <= over) price = tier.price
  return price
}

// A row for each prompt size at which any price changes, every row complete.
function tierRows(list, extra) {
  const overs = new Set([0])
  for (const entry of list.values()) for (const tier of entry.tiers) overs.add(tier.over)
  return [...overs]
    .sort((a, b) => a - b)
    .map((over) => {
      const row = { ...extra }
      if (over > 0) row.over = over
      for (const kind of KINDS.values())
        if (list.has(kind)) row[kind] = priceAt(list.get(kind), over)
      return row
    })
}

// The dearer of two price lists, kind by kind.
function dearer(a, b) {
  const out = new Map(a)
  for (const [kind, entry] of b) {
    const other = out.get(kind)
    if (!other) {
      out.set(kind, entry)
      continue
    }
    const overs = new Set([...entry.tiers, ...other.tiers].map((t) => t.over))
    const max = (over) => {
      const x = priceAt(entry, over),
        y = priceAt(other, over)
      return x > y ? x : y
    }
    out.set(kind, {
      base: max(-1),
      tiers: [...overs].sort((x, y) => x - y).map((over) => ({ over, price: max(over) })),
    })
  }
  return out
}

// The package reads a list of conditional prices from its end and takes the first whose
// condition holds. Dated entries become rows with "from"; entries for hours of the day raise
// every entry that they would win over.
function modelRows(model, where) {
  const entries = Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }]
  const lists = entries.map((e) => priceList(e.prices, where))
  if (lists.includes(undefined)) return undefined
  const rows = []
  let last = ''
  entries.forEach((entry, i) => {
    const type = entry.constraint?.type
    if (type === 'time_of_date') return
    if (type !== undefined && type !== 'start_date')
      throw new Error(`${where}: condition ${type}`)
    const from = entry.constraint?.start_date ?? ''
    if (i > 0 && from <= last) throw new Error(`${where}: start dates out of order`)
    last = from
    let list = lists[i]
    const later = entries.map((e, j) =>
      j > i && e.constraint?.type === 'time_of_date' ? lists[j] : null,
    )
    for (const other of later) if (other) list = dearer(list, other)
    const extra = { ...(from && { from }), ...(later.some(Boolean) && { time_of_day: true }) }
    rows.push(...tierRows(list, extra))
  })
  return rows
}

function completeRows(provider, id, rows) {
  for (const row of rows) {
    const long = longWrite(provider, id, row)
    if (long !== undefined) row.cache_write_long = long
    const searches = searchFee(provider, id, row)
    if (searches !== undefined) row.per_1000_web_searches = searches
  }
  return rows
}

// --- Models and providers ---------------------------------------------------------------------

function convertModel(provider, model) {
  const where = `${provider}/${model.id}`
  const free = model.id.endsWith(':free')
  if (!Array.isArray(model.prices) && Object.keys(model.prices).length === 0 && !free)
    return null
  const rows = free ? [{ input: 0n, output: 0n }] : modelRows(model, where)
  if (!rows || rows.some((r) => r.input === undefined && r.per_1000_requests === undefined))
    return null
  return {
    id: model.id,
    context: model.context_window,
    match: uniqueRules(matchRules(model.match)),
    rows: backAgain(where, completeRows(provider, model.id, rows)),
  }
}

function addedModels(provider, ids) {
  return (ADDITIONS[provider] ?? [])
    .filter((m) => {
      if (ids.has(m.id)) notices.push(`the package has ${m.id} now: take it out of ADDITIONS`)
      return !ids.has(m.id)
    })
    .map((m) => ({
      ...m,
      added: ADDED_ON,
      rows: completeRows(
        provider,
        m.id,
        m.rows.map((row) =>
          Object.fromEntries(
            Object.entries(row).map(([k, v]) => [
              k,
              k === 'over' ? v : microcents(v, `${provider}/${m.id} ${k}`),
            ]),
          ),
        ),
      ),
    }))
}

function checkHosts(provider, hosts) {
  const pattern = new RegExp(`^(?:${provider.api_pattern})`)
  for (const host of hosts) {
    const full = host.startsWith('.')
      ? (provider.id === 'aws' ? 'bedrock-runtime.us-east-1' : 'x') + host
      : host
    const urls =
      provider.id === 'cloudflare'
        ? `https://${full}/client/v4/accounts/1/ai/`
        : `https://${full}/`
    if (!HOSTS_BEYOND_PATTERN.has(host) && !pattern.test(urls))
      throw new Error(`${provider.id}: host ${host} is not the package's`)
  }
}

function convertProvider(all, [id, hosts, aliases]) {
  const provider = all.find((p) => p.id === id)
  if (!provider) throw new Error(`the package has no provider ${id}`)
  checkHosts(provider, hosts)
  const kept = provider.models.map((m) => convertModel(id, m))
  const leftOut = provider.models.filter((_, i) => kept[i] === null).map((m) => m.id)
  if (leftOut.length) notices.push(`${id}: left out ${leftOut.join(', ')}`)
  const models = [
    ...addedModels(id, new Set(provider.models.map((m) => m.id))),
    ...kept.filter(Boolean),
  ]
  return {
    id,
    name: provider.name,
    hosts,
    aliases,
    fallback: provider.fallback_model_providers ?? [],
    models,
  }
}

// Long prompts that a vendor bills higher a reseller bills higher too; where the package has one
// price for it, the vendor's rows for them are added, and the dearer of both counts.
const RESELLER = 'openrouter'

function lastRows(rows) {
  const last = rows.reduce((from, row) => ((row.from ?? '') > from ? row.from : from), '')
  return rows.filter((row) => (row.from ?? '') === last)
}

function longRows(own, vendors) {
  return vendors
    .filter((row) => row.over !== undefined)
    .map((row) => {
      const both = { ...own, over: row.over }
      for (const kind of KINDS.values())
        if (both[kind] !== undefined && row[kind] > both[kind]) both[kind] = row[kind]
      return both
    })
}

function addLongPrompts(providers) {
  const plain = (id) => id.replaceAll('.', '-')
  for (const model of providers.find((p) => p.id === RESELLER).models) {
    const [vendor, name] = model.id.replace('~', '').split('/')
    const theirs = providers.find((p) => p.id === vendor)?.models ?? []
    const same = theirs.find((m) => plain(m.id) === plain(name ?? ''))
    if (!same || model.rows.length !== 1) continue
    const more = longRows(model.rows[0], lastRows(same.rows))
    model.rows.push(...more)
    if (more.length) notices.push(`${RESELLER}: ${model.id} has the long prompts of ${vendor}`)
  }
}

// --- Writing ----------------------------------------------------------------------------------

const json = (value) => JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? Number(v) : v))

function rowText(row) {
  const order = ['from', 'over', 'time_of_day', ...KINDS.values()]
  return (
    '{' +
    order
      .filter((k) => row[k] !== undefined)
      .map((k) => `"${k}":${json(row[k])}`)
      .join(',') +
    '}'
  )
}

function modelText(model) {
  const own = !model.match || json(model.match) === json(['=' + model.id.toLowerCase()])
  const parts = [`"id":${json(model.id)}`]
  if (!own) parts.push(`"match":${json(model.match)}`)
  if (model.context) parts.push(`"context":${model.context}`)
  if (model.added) parts.push(`"added":"${model.added}"`)
  parts.push(`"rows":[${model.rows.map(rowText).join(',')}]`)
  return '{' + parts.join(',') + '}'
}

function toolsText(provider) {
  const tools = TOOLS[provider]
  if (!tools) return ''
  const fees = Object.entries(tools.fees).map(
    ([kind, usd]) => `"${kind}":${microcents(usd, `${provider} ${kind}`)}`,
  )
  return (
    `\n"tools":{"as_of":"${ADDED_ON}","source":${json(tools.source)},` +
    `"fees":{${fees.join(',')}}},\n`
  )
}

function bookText(providers) {
  const head = [
    `"format":1`,
    `"as_of":"${PACKAGE.released}"`,
    `"source":"npm ${PACKAGE.name} ${PACKAGE.version}"`,
    `"licence":${json(LICENCE)}`,
    `"units":${json(UNITS)}`,
    `"rounded":${json(rounded)}`,
  ]
  const body = providers.map((p) =>
    [
      `{"id":${json(p.id)},"name":${json(p.name)},"hosts":${json(p.hosts)},` +
        `"aliases":${json(p.aliases)},"fallback":${json(p.fallback)},${toolsText(p.id)}"models":[`,
      p.models.map(modelText).join(',\n'),
      ']}',
    ].join('\n'),
  )
  return `{\n${head.join(',\n')},\n"providers":[\n${body.join(',\n')}\n]}\n`
}

async function main() {
  const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pawl-prices-'))
  try {
    const folder = fetchPackage(dir)
    const { waitForUpdate } = await import(
      pathToFileURL(path.join(folder, 'dist/index.js')).href
    )
    const all = await waitForUpdate()
    const unknown = all
      .map((p) => p.id)
      .filter((id) => !LEFT_OUT.test(id) && !PROVIDERS.some(([known]) => known === id))
    if (unknown.length)
      notices.push(`providers that this script does not know: ${unknown.join(', ')}`)
    const providers = PROVIDERS.map((p) => convertProvider(all, p))
    addLongPrompts(providers)
    const files = [
      [path.join(root, 'data/prices.json'), bookText(providers)],
      [
        path.join(root, 'data/prices.LICENSE'),
        fs.readFileSync(path.join(folder, 'LICENSE'), 'utf8'),
      ],
    ]
    for (const notice of notices) console.error(notice)
    for (const [file, text] of files) {
      if (!process.argv.includes('--check')) fs.writeFileSync(file, text)
      else if (!fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== text)
        throw new Error(`${file} is not what the package gives`)
    }
    const count = providers.reduce((n, p) => n + p.models.length, 0)
    console.error(
      `${count} models of ${providers.length} providers, ${files[0][1].length} bytes`,
    )
  } finally {
    fs.rmSync(dir, { recursive: true })
  }
}

await main()
