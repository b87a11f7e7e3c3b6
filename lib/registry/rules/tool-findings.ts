/** What a finding means for the tool: `suspends` until somebody has decided, `flags` it for a look, or is only `recorded`. */
export type FindingWeight = 'suspends' | 'flags' | 'recorded'

const kinds = {
  schema_wider: { weight: 'suspends', title: 'Takes more than before' },
  schema_narrower: { weight: 'flags', title: 'Takes less than before' },
  schema_changed: { weight: 'suspends', title: 'Schema changed in a way that cannot be compared' },
  default_changed: { weight: 'suspends', title: 'Another default' },
  output_changed: { weight: 'flags', title: 'Another form of result' },
  class_raised: { weight: 'suspends', title: 'Says it may do more' },
  class_lowered: { weight: 'suspends', title: 'Says it is safer, so that weaker grants would reach it' },
  annotation_weaker: { weight: 'suspends', title: 'Takes back an assurance' },
  annotation_changed: { weight: 'flags', title: 'Another annotation' },
  new_address: { weight: 'suspends', title: 'New address in a text' },
  instruction: { weight: 'suspends', title: 'Text that instructs the model' },
  secrecy: { weight: 'suspends', title: 'Text that asks to keep something from people' },
  secret_request: { weight: 'suspends', title: 'Text that asks for secrets or private context' },
  other_tool: { weight: 'suspends', title: 'Text that names another tool' },
  hidden_characters: { weight: 'suspends', title: 'Hidden characters' },
  hidden_markup: { weight: 'suspends', title: 'Hidden or structural markup' },
  encoded_text: { weight: 'suspends', title: 'Encoded text' },
  another_script: { weight: 'suspends', title: 'Another script or language' },
  much_text: { weight: 'suspends', title: 'Much new text' },
  confusable: { weight: 'suspends', title: 'Reads like another tool' },
  other_part: { weight: 'suspends', title: 'Another part of the definition changed' },
  unjudged: { weight: 'suspends', title: 'Could not be judged' },
  wording: { weight: 'recorded', title: 'Wording' },
} as const satisfies Record<string, { weight: FindingWeight; title: string }>

export type FindingKind = keyof typeof kinds
export const findingKinds = Object.keys(kinds) as [FindingKind, ...FindingKind[]]

export type ToolFinding = {
  kind: FindingKind
  weight: FindingWeight
  /** Where in the definition, as a JSON pointer. */
  path: string
  /** What was found, with hidden characters made visible. */
  note: string
}

const noteMax = 240
const findingsMax = 200

export function finding(kind: FindingKind, path: string, note: string): ToolFinding {
  const visible = visibleText(note)
  return {
    kind,
    weight: kinds[kind].weight,
    path,
    note: visible.length > noteMax ? `${visible.slice(0, noteMax)}…` : visible,
  }
}

/** As many as somebody looks at, those that suspend first. */
export function foremost(findings: readonly ToolFinding[], most = findingsMax): ToolFinding[] {
  if (findings.length <= most) return [...findings]
  const suspends = ({ weight }: ToolFinding) => Number(weight === 'suspends')
  return findings.toSorted((a, b) => suspends(b) - suspends(a)).slice(0, most)
}

/** The finding in a few words. */
export function findingTitle(kind: string): string {
  return Object.hasOwn(kinds, kind) ? kinds[kind as FindingKind].title : kind
}

/** Characters that nobody sees: formats, controls, fillers, private use, tags and selectors. Line feeds and tabs are seen. */
export const hiddenCharacter =
  /[\p{Cf}\p{Co}\p{Cn}\p{Cs}\u{FE00}-\u{FE0F}\u{E0100}-\u{E01EF}\u115F\u1160\u3164\uFFA0\u2800]|\u034F|\u17B4|\u17B5|(?![\n\t\r])\p{Cc}/u

const everyHiddenCharacter = new RegExp(hiddenCharacter.source, 'gu')

/** The text with each hidden character as its code point, `⟨U+200B⟩`. */
export function visibleText(text: string): string {
  return text.replace(everyHiddenCharacter, (character) => {
    const point = character.codePointAt(0)!
    return `⟨U+${point.toString(16).toUpperCase().padStart(4, '0')}⟩`
  })
}
