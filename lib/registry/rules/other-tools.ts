import { skeleton } from './text-normal.ts'

/** Where texts and names are looked for the names of other tools. */
export type OtherTools = {
  /** The names that a text mentions, in the order they were given in. */
  mentionedIn(text: string): string[]
  /** The first of the names that people would take for this one. */
  readingLike(name: string): string[]
}

/** A name that reads like more others is not told of all of them. */
const alikeMax = 20

type Node = { next: Map<string, Node>; ends: number[] }

/**
 * Names of tools, made ready once to be looked for in many texts. A walk over a text finds the few names that stand in it, so that the time a
 * text takes does not grow with the number of names.
 */
export class ToolNames {
  readonly #names: string[] = []
  readonly #root: Node = newNode()
  readonly #patterns = new Map<number, RegExp>()
  readonly #alike = new Map<string, string[]>()

  constructor(names: readonly string[]) {
    for (const name of names) this.#add(name)
  }

  /** The same, name by name: many take their time. */
  static *making(names: readonly string[]): Generator<void, ToolNames> {
    const made = new ToolNames([])
    for (const name of names) {
      made.#add(name)
      yield
    }
    return made
  }

  /** All of them but one: a tool's own name in its text says nothing. */
  except(self: string): OtherTools {
    return {
      mentionedIn: (text) => this.#mentionedIn(text).filter((name) => name !== self),
      readingLike: (name) => {
        const alike = this.#alike.get(skeleton(name)) ?? []
        return alike.filter((other) => other !== name && other !== self).slice(0, alikeMax)
      },
    }
  }

  #add(name: string): void {
    let node = this.#root
    for (const character of folded(name)) node = below(node, character)
    node.ends.push(this.#names.length)
    this.#names.push(name)
    this.#addAlike(name)
  }

  #addAlike(name: string): void {
    const read = skeleton(name)
    const alike = this.#alike.get(read)
    if (!alike && read !== '') this.#alike.set(read, [name])
    // Two more than are told of, as the name that is asked about and the tool's own are none.
    if (alike && alike.length < alikeMax + 2) alike.push(name)
  }

  #mentionedIn(text: string): string[] {
    const characters = folded(text)
    const candidates = new Set<number>()
    for (let from = 0; from < characters.length; from += 1) {
      let node = this.#root.next.get(characters[from]!)
      for (let at = from + 1; node; at += 1) {
        for (const index of node.ends) candidates.add(index)
        node = at < characters.length ? node.next.get(characters[at]!) : undefined
      }
    }
    const found = [...candidates].filter((index) => this.#patternOf(index).test(text))
    return found.toSorted((a, b) => a - b).map((index) => this.#names[index]!)
  }

  #patternOf(index: number): RegExp {
    const known = this.#patterns.get(index)
    if (known) return known
    const pattern = mentionOf(this.#names[index]!)
    this.#patterns.set(index, pattern)
    return pattern
  }
}

/** A name of one plain word is a mention only where it is set apart or called a tool: `search` is also a word. */
export function mentionOf(name: string): RegExp {
  const quoted = name.replaceAll(/[.*+?^${}()|[\]\\]/gu, '\\$&')
  const isWord = /^[\p{L}]+$/u.test(name) && !/[a-z][A-Z]/u.test(name)
  const pattern = isWord
    ? `[\`'"“‘(]${quoted}[\`'"”’)(]|\\b${quoted}\\(|\\b${quoted}\\s+(?:tool|function)\\b`
    : `(?<![\\w-])${quoted}(?![\\w-])`
  return new RegExp(pattern, 'iu')
}

function newNode(): Node {
  return { next: new Map(), ends: [] }
}

function below(node: Node, character: string): Node {
  const known = node.next.get(character)
  if (known) return known
  const made = newNode()
  node.next.set(character, made)
  return made
}

/** Character by character without case: at least what a pattern without case takes for the same is the same. */
function folded(text: string): string[] {
  return Array.from(text, fold)
}

function fold(character: string): string {
  if (character < '\u0080') return character.toLowerCase()
  const single = character.toUpperCase().toLowerCase()
  return single.length === character.length ? single : character.toLowerCase()
}
