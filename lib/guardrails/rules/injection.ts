// What in a result speaks to the model instead of telling it something. It is recorded, not proof: harmless texts quote such phrases too.

export const injectionMarks = [
  'instruction_override',
  'role_change',
  'concealment',
  'chat_markup',
  'hidden_text',
  'text_direction',
] as const
export type InjectionMark = (typeof injectionMarks)[number]

const markWords: Record<InjectionMark, string> = {
  instruction_override: 'tells the model to disregard its instructions',
  role_change: 'gives the model another role or speaks of its system prompt',
  concealment: 'asks the model to hide something from people',
  chat_markup: 'imitates the markup of a conversation',
  hidden_text: 'holds characters that nobody sees',
  text_direction: 'turns the direction of text around',
}

/** A mark in plain words, as the end of "a result that …". */
export function markText(mark: InjectionMark): string {
  return markWords[mark]
}

type Phrase = { mark: InjectionMark; back: number; pattern: RegExp }

/** By a letter of theirs and what stands beside it, so that only few places of a text are looked at. All patterns are bounded. */
const phrases: readonly (Phrase & { letter: string; before: string; after: string })[] = [
  override('g', 'i', 'n', 1),
  override('g', 'e', 'a', 5),
  override('g', 'r', 'e', 3),
  {
    letter: 'y',
    before: 's',
    after: 's',
    mark: 'role_change',
    back: 1,
    pattern: /system\s{1,3}(?:prompt|override)\b/iy,
  },
  {
    letter: 'y',
    before: '',
    after: 'o',
    mark: 'role_change',
    back: 0,
    pattern: /you\s{1,3}are\s{1,3}now\s{1,3}(?:a|an|in|the|acting|called)\b/iy,
  },
  {
    letter: 'd',
    before: '',
    after: 'o',
    mark: 'concealment',
    back: 0,
    pattern:
      /do(?:\s{1,3}not|n['’]t)\s{1,3}(?:tell|mention|reveal|inform|show|let)(?:\s{1,3}[a-z]{1,12}){0,3}\s{1,3}(?:users?|humans?|owner|operator)\b/iy,
  },
  {
    letter: '<',
    before: '',
    after: '',
    mark: 'chat_markup',
    back: 0,
    pattern: /<(?:\|(?:im_start|im_end|system|user|assistant)\||\/?(?:system|assistant|instructions)>)/iy,
  },
  { letter: '[', before: '', after: '', mark: 'chat_markup', back: 0, pattern: /\[\/?(?:INST|SYSTEM)\]/y },
]

/** With codes instead of characters; 0: whatever stands there. */
type Candidate = Phrase & { before: number; after: number }
const byCode: (readonly Candidate[] | undefined)[] = []
for (const { letter } of phrases) {
  const list = phrases
    .filter((phrase) => phrase.letter === letter)
    .map(({ before, after, ...phrase }) => ({
      ...phrase,
      before: before === '' ? 0 : before.charCodeAt(0),
      after: after === '' ? 0 : after.charCodeAt(0),
    }))
  for (const cased of [letter, letter.toUpperCase()]) byCode[cased.charCodeAt(0)] = list
}
const watched = new Uint8Array(128)
byCode.forEach((_, code) => (watched[code] = 1))

/**
 * How every mark begins, or what it holds: a text without any of it has none, which a regular expression sees several times as fast as the loop
 * below. Shorter texts are not worth it.
 */
const beginning =
  /(?:ignore|disregard|forget)\s|system\s|you\s{1,3}are\s|do(?:\s{1,3}not|n['’]t)\s|<[|/sai]|\[[/IS]|[\u200b-\u200d\u202a-\u202e\u2060-\u2069\udb40\ufeff]/i
const worthLooking = 256

/** The marks of a text; null (and nothing allocated) when it has none. */
export function marksIn(text: string): Set<InjectionMark> | null {
  if (text.length > worthLooking && !beginning.test(text)) return null
  let marks: Set<InjectionMark> | null = null
  let unseen = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code < 128) {
      unseen = 0
      if (watched[code] === 1) {
        const mark = phraseAt(text, at, byCode[code]!)
        if (mark) (marks ??= new Set()).add(mark)
      }
      continue
    }
    if (isTurning(code)) (marks ??= new Set()).add('text_direction')
    // One alone joins letters or emoji; several in a row carry a message.
    unseen = isUnseen(text, at, code) ? unseen + 1 : 0
    if (unseen === 4) (marks ??= new Set()).add('hidden_text')
  }
  return marks
}

function phraseAt(text: string, at: number, candidates: readonly Candidate[]): InjectionMark | null {
  for (const { before, after, back, pattern, mark } of candidates) {
    if (after !== 0 && (text.charCodeAt(at + 1) | 32) !== after) continue
    if (before !== 0 && (text.charCodeAt(at - 1) | 32) !== before) continue
    if (at < back) continue
    pattern.lastIndex = at - back
    if (pattern.test(text)) return mark
  }
  return null
}

function override(letter: string, before: string, after: string, back: number) {
  const pattern =
    /(?:ignore|disregard|forget)(?:\s{1,3}[a-z']{1,12}){0,4}\s{1,3}(?:instructions|prompts?|rules|guidelines|directions)\b/iy
  return { letter, before, after, mark: 'instruction_override', back, pattern } as const
}

/** Embeddings, overrides and isolates of text direction. */
function isTurning(code: number): boolean {
  return (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)
}

/** Zero-width characters, invisible operators and tag characters (the second half of one counts with it). */
function isUnseen(text: string, at: number, code: number): boolean {
  if ((code >= 0x200b && code <= 0x200d) || (code >= 0x2060 && code <= 0x2064) || code === 0xfeff) return true
  if (code === 0xdb40) {
    const low = text.charCodeAt(at + 1)
    return low >= 0xdc00 && low <= 0xdc7f
  }
  return code >= 0xdc00 && code <= 0xdc7f && text.charCodeAt(at - 1) === 0xdb40
}
