import { type BetaRunnableTool, toolName } from '@anthropic-ai/sdk/lib/tools/BetaRunnableTool'
import type { SandboxMetrics } from './metrics.ts'

/** The same tool, with every call measured. */
export function withMeasure(tool: BetaRunnableTool, metrics: SandboxMetrics): BetaRunnableTool {
  const name = toolName(tool)
  return {
    ...tool,
    async run(input, context) {
      const began = performance.now()
      const measured = (isError: boolean): void => metrics.called(name, { isError, ms: performance.now() - began })
      try {
        const outcome = await tool.run(input, context)
        measured(false)
        return outcome
      } catch (error) {
        measured(true)
        throw error
      }
    },
  }
}
