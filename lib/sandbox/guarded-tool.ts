import { once } from 'node:events'
import { type BetaRunnableTool, toolName } from '@anthropic-ai/sdk/lib/tools/BetaRunnableTool'
import type { SandboxMetrics } from './metrics.ts'
import type { SessionSandbox } from './session-sandbox.ts'

/**
 * The same tool, measured, and silent once its sandbox has been ended for good: what was killed by a stop order must not be answered, or
 * the model would go on. Whoever ends a session aborts its conversation next.
 */
export function withGuard(
  tool: BetaRunnableTool,
  { sandbox, metrics }: { sandbox: SessionSandbox; metrics: SandboxMetrics },
): BetaRunnableTool {
  const name = toolName(tool)
  return {
    ...tool,
    async run(input, context) {
      const began = performance.now()
      let isError = true
      try {
        const outcome = await tool.run(input, context)
        isError = false
        return outcome
      } finally {
        metrics.called(name, { isError, ms: performance.now() - began })
        const signal = context?.signal
        if (sandbox.isEnded && signal && !signal.aborted) await once(signal, 'abort')
      }
    },
  }
}
