import { functionWords } from './text-patterns.ts'
import { hiddenCharacter } from './tool-findings.ts'

// Letters that look like Latin ones, from Unicode's confusables (UTS #39), as far as Cyrillic, Greek and Armenian reach.
const lookalikes = new Map<string, string>(
  Object.entries({
    а: 'a',
    в: 'b',
    с: 'c',
    ԁ: 'd',
    е: 'e',
    ё: 'e',
    ғ: 'f',
    һ: 'h',
    н: 'h',
    і: 'i',
    ї: 'i',
    ј: 'j',
    к: 'k',
    ӏ: 'l',
    м: 'm',
    о: 'o',
    р: 'p',
    ԛ: 'q',
    г: 'r',
    ѕ: 's',
    т: 't',
    у: 'y',
    ү: 'y',
    ѵ: 'v',
    ԝ: 'w',
    х: 'x',
    α: 'a',
    β: 'b',
    ε: 'e',
    η: 'n',
    ι: 'i',
    κ: 'k',
    ν: 'v',
    ο: 'o',
    ρ: 'p',
    τ: 't',
    υ: 'u',
    χ: 'x',
    γ: 'y',
    ω: 'w',
    օ: 'o',
    ո: 'n',
    ս: 'u',
    հ: 'h',
    ı: 'i',
    ɑ: 'a',
    ɡ: 'g',
    ⅼ: 'l',
    ℓ: 'l',
  }),
)
const hidden = new RegExp(hiddenCharacter.source, 'gu')

/**
 * A text as a model reads it, whatever it looks like: compatibility forms and look-alike letters made plain, hidden characters and accents
 * left out, letters set apart pushed together, white space single, lower case.
 */
export function plainText(text: string): string {
  const letters = Array.from(
    text.normalize('NFKC').replace(hidden, '').normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase(),
  )
  const latin = letters.map((letter) => lookalikes.get(letter) ?? letter).join('')
  return latin
    .replaceAll(/[‘’`´]/gu, "'")
    .replaceAll(/\b(?:\p{L}[ .\-_*]){4,}\p{L}\b/gu, (apart) => apart.replaceAll(/[ .\-_*]/gu, ''))
    .replaceAll(/\s+/gu, ' ')
    .trim()
}

/** What two names share that people would take for each other: `lst_Ɩnvoices0` and `lst-lnvoiceso`. */
export function skeleton(name: string): string {
  return plainText(name)
    .replaceAll(/[\s_\-./:]/gu, '')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w')
    .replaceAll(/[1i|!]/gu, 'l')
    .replaceAll('0', 'o')
    .replaceAll('5', 's')
}

/** The scripts whose letters a text has. */
export function scriptsOf(text: string): Set<string> {
  const found = new Set<string>()
  for (const [name, letters] of scripts) if (letters.test(text)) found.add(name)
  return found
}

/** The words that mix Latin letters with Cyrillic or Greek ones: no language writes so. */
export function mixedWords(text: string): string[] {
  return (text.match(/[\p{L}\p{M}\p{N}_]+/gu) ?? []).filter(
    (word) => /\p{Script=Latin}/u.test(word) && /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}]/u.test(word),
  )
}

/** The languages, besides English, that a text is written in: three of their small words in it. */
export function languagesOf(text: string): Set<string> {
  const plain = plainText(text)
  const found = [...functionWords].filter(([, words]) => new Set(plain.match(words)).size >= 3)
  return new Set(found.map(([language]) => language))
}

const scripts = [
  ...[
    'Latin',
    'Cyrillic',
    'Greek',
    'Armenian',
    'Han',
    'Hiragana',
    'Katakana',
    'Hangul',
    'Arabic',
    'Hebrew',
    'Thai',
    'Devanagari',
  ].map((name) => [name, new RegExp(`\\p{Script=${name}}`, 'u')] as const),
  [
    'another',
    /(?!\p{Script=Latin}|\p{Script=Cyrillic}|\p{Script=Greek}|\p{Script=Armenian}|\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Script=Arabic}|\p{Script=Hebrew}|\p{Script=Thai}|\p{Script=Devanagari}|\p{Script=Common}|\p{Script=Inherited})\p{L}/u,
  ] as const,
]
