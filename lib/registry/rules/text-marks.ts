import type { OtherTools } from './other-tools.ts'
import { mixedWords, plainText } from './text-normal.ts'
import { directives, secrecies, secretRequests } from './text-patterns.ts'
import { type FindingKind, hiddenCharacter } from './tool-findings.ts'

/** Something in a text that a reviewer has to see; `what` is the passage. */
export type TextMark = { kind: FindingKind; what: string }

export type TextWorld = {
  /** Names of other tools that the same agents may see. */
  otherTools: OtherTools
}

/** Every mark of a text that a server wrote. What is marked is not proven to be bad; what is not marked is not proven to be good. */
export function marksOf(text: string, world: TextWorld): TextMark[] {
  const plain = plainText(text)
  const all = (kind: FindingKind, patterns: readonly RegExp[], subject = plain): TextMark[] =>
    patterns.flatMap((pattern) => [...subject.matchAll(pattern)].map((match) => ({ kind, what: match[0].trim() })))
  return [
    ...addressesIn(text).map((what): TextMark => ({ kind: 'new_address', what })),
    ...hiddenIn(text),
    ...all('hidden_markup', markup, text.normalize('NFKC')),
    ...encodedIn(text),
    ...mixedWords(text).map((what): TextMark => ({ kind: 'another_script', what })),
    ...all('instruction', directives),
    ...all('secrecy', secrecies),
    ...all('secret_request', secretRequests),
    ...otherToolsIn(text, world),
  ]
}

const topLevels =
  'com|net|org|io|dev|ai|app|co|xyz|info|biz|me|site|online|cloud|tech|ru|cn|de|uk|eu|us|fr|nl|in|jp|br|pw|tk|ml|top|link|click|live|run|gg|to|ly|cc|ws|su|ir|kp|example|test|internal|local|corp|onion'
const addresses = [
  /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s"'<>)\]}]+/giu,
  /\b(?:javascript|data|mailto|file|tel|sms):[^\s"'<>)\]}]{3,}/giu,
  /(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/giu,
  new RegExp(`(?<![\\w.-])(?:[a-z0-9-]{1,63}\\.){1,8}(?:${topLevels})\\b(?![\\w-])(?:[:/][^\\s"'<>)\\]}]*)?`, 'giu'),
  /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)(?::\d+)?/gu,
  /\blocalhost(?::\d+)?/giu,
]

/** Addresses, hosts and mail addresses, also those written so that no program follows them. */
function addressesIn(text: string): string[] {
  const open = text
    .normalize('NFKC')
    .replaceAll(/\s?[[({<]\s?(?:\.|dot)\s?[\])}>]\s?|\s{1,5}dot\s{1,5}/giu, '.')
    .replaceAll(/\s?[[({<]\s?(?:@|at)\s?[\])}>]\s?/giu, '@')
    .replaceAll(/\bhxxp/giu, 'http')
  const found = addresses.flatMap((pattern) =>
    [...open.matchAll(pattern)].map((match) => match[0].replace(/[.,;:!?]+$/u, '')),
  )
  const all = [...new Set([...found, ...ipv6In(open)])]
  const together = all.join('\n')
  // A host within an address that is found as a whole is not found twice.
  return all.filter((one) => together.indexOf(one) === together.lastIndexOf(one))
}

const ipv6Like = /(?<![\w:.])(?:[0-9a-f]{1,4})?(?::[0-9a-f]{0,4}){2,8}(?:\.\d{1,3}){0,3}(?![\w:])/giu

/** What has colons may be a time, a hardware address or the path of a name in a program: only what is an address counts, and every routable one has a digit. */
function ipv6In(text: string): string[] {
  return [...text.matchAll(ipv6Like)]
    .map(([like]) => like.replace(/(?<!:):$/u, ''))
    .filter((like) => /\d/u.test(like) && URL.canParse(`http://[${like}]/`))
}

function hiddenIn(text: string): TextMark[] {
  const characters = Array.from(text)
  const odd = characters.filter(
    (character, index) => hiddenCharacter.test(character) && !belongsToEmoji(characters, index),
  )
  const marks: TextMark[] = [...new Set(odd)].map((what) => ({ kind: 'hidden_characters', what }))
  // Text pushed out of sight by white space.
  for (const [run] of text.matchAll(/[ \t\u00A0]{16,}|(?:[ \t]*\r?\n){5,}/gu)) {
    marks.push({ kind: 'hidden_characters', what: `${run.length} spaces or line feeds in a row` })
  }
  return marks
}

/** Joiners and selectors have their place within emoji. */
function belongsToEmoji(characters: readonly string[], index: number): boolean {
  const isPicture = (at: number) => /\p{Extended_Pictographic}|\p{Emoji_Modifier}|\uFE0F/u.test(characters[at] ?? '')
  if (characters[index] === '\uFE0F') return isPicture(index - 1) || /[\d#*]/u.test(characters[index - 1] ?? '')
  return characters[index] === '\u200D' && isPicture(index - 1) && isPicture(index + 1)
}

const markup = [
  /<!--[\s\S]*?(?:-->|$)/gu,
  /<\/?\s*(?:important|system|assistant|user|human|instructions?|secret|hidden|admin|override|prompts?|critical|note_to_\w+|script|iframe|img|style|svg|details|tool_\w+|function_\w+|thinking|context|rules?|policy|command)\b[^>]{0,300}>/giu,
  /<\|[^|>]{1,40}\|>|\[\/?INST\]|<<\/?SYS>>/giu,
  /!\[[^\]]{0,300}\]\([^)]{0,500}\)/gu,
  /(?:^|\n)[ \t]{0,20}(?:#{1,6}[ \t]{0,20})?(?:system|assistant|human|user|developer)\s*(?:prompt|message|note)?\s*:/giu,
  /```(?:system|prompt|instructions?)/giu,
]

/** Long runs of base64, hexadecimal digits or escapes: a model reads them, a person does not. */
function encodedIn(text: string): TextMark[] {
  const base64 = [...text.matchAll(/[A-Za-z0-9+/_-]{32,}={0,2}/gu)]
    .map((match) => match[0])
    .filter(
      (run) =>
        /[a-z]/u.test(run) &&
        /[A-Z]/u.test(run) &&
        (/\d/u.test(run) || run.endsWith('=')) &&
        !/^[\w-]*_[\w-]*_/u.test(run),
    )
  const others = [
    ...text.matchAll(/(?:[0-9a-f]{2}[\s:]?){24,}/giu),
    ...text.matchAll(/(?:\\x[0-9a-f]{2}|\\u\{?[0-9a-f]{4,6}\}?|&#x?[0-9a-f]{2,6};|%[0-9a-f]{2}){6,}/giu),
    ...text.matchAll(
      /\b(?:base64|rot13|hex)[- ]?(?:decode|encoded instructions?)\b|\bdecode (?:the following|this|it) (?:and|then)\b/giu,
    ),
  ].map((match) => match[0])
  return [...base64, ...others].map((what) => ({ kind: 'encoded_text', what }))
}

function otherToolsIn(text: string, { otherTools }: TextWorld): TextMark[] {
  const found = otherTools.mentionedIn(text)
  const called = [
    ...text.matchAll(
      /(?<![\w-])(?:[a-z0-9]+(?:[_-][a-z0-9]+)+|[a-z]+(?:[A-Z][a-z0-9]+)+)(?=[`'"”)]*\s+(?:tool|function)\b)/gu,
    ),
  ]
  const named = called.map((match) => match[0]).filter((name) => !found.includes(name))
  return [...found, ...named].map((what) => ({ kind: 'other_tool', what }))
}
