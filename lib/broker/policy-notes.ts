import type { Log } from '#lib/log/log.ts'
import type { BrokerView } from './view/view.ts'

/** Logs which policies judge and why some cannot, once each. */
export class PolicyNotes {
  readonly #log: Log
  #version: string | null = null
  readonly #problems = new Map<string, string | null>()

  constructor(log: Log) {
    this.#log = log
  }

  note({ policies, candidate }: Pick<BrokerView, 'policies' | 'candidate'>): void {
    const { version, problem } = policies
    if (version !== this.#version) {
      this.#version = version
      if (problem === null) this.#log.info({ policyVersion: version }, 'these central policies judge from now on')
      else
        this.#log.error({ policyVersion: version, problem }, 'every call is refused: the central policies cannot judge')
    }
    this.#noteProblem('the central policies cannot judge: every call is refused', problem)
    this.#noteProblem('the policy set in log-only cannot judge: it has no verdict', candidate?.problem ?? null)
  }

  /** Once, until it is over. */
  #noteProblem(what: string, problem: string | null): void {
    if (problem !== null && this.#problems.get(what) !== problem) this.#log.error({ problem }, what)
    this.#problems.set(what, problem)
  }
}
