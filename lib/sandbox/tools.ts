import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod'
import type { BetaRunnableTool, BetaToolRunContext } from '@anthropic-ai/sdk/lib/tools/BetaRunnableTool'
import { ToolError } from '@anthropic-ai/sdk/lib/tools/ToolError'
import { z } from 'zod'
import { DomainError } from '#lib/core/errors.ts'
import { callFiles, type FileOperation } from './files.ts'
import type { SessionSandbox } from './session-sandbox.ts'
import type { ShellOutcome } from './shell.ts'

type Context = BetaToolRunContext | undefined

const path = z.string().min(1, 'Name a file.')

/**
 * The tools of `agent_toolset_20260401` that a self-hosted environment has to provide, by the same names and inputs, all run inside the
 * session's sandbox. A refusal is a tool error that the model can read and act on.
 */
export function sandboxTools(session: SessionSandbox): BetaRunnableTool[] {
  const files = async <T>(context: Context, operation: FileOperation, input: Record<string, unknown>): Promise<T> =>
    await refusable(async () => {
      const { driver, id, tools } = await session.use()
      const call = { operation, input: { ...input, bytesMax: tools.fileBytesMax } }
      const outcome = await callFiles<T>({ driver, id }, call, { signal: context?.signal ?? undefined })
      if (!outcome.ok) throw new ToolError(outcome.error)
      return outcome.value
    })
  return [
    bashTool(session),
    betaZodTool({
      name: 'read',
      description: 'Read a UTF-8 text file, relative to /workspace.',
      inputSchema: z.object({
        file_path: path,
        view_range: z
          .tuple([z.int(), z.int()])
          .optional()
          .describe('First and last line, counted from 1; a last line of 0 or less: to the end'),
      }),
      run: async ({ file_path, view_range }, context) =>
        await files<string>(context, 'read', { path: file_path, range: view_range }),
    }),
    betaZodTool({
      name: 'write',
      description: 'Write a UTF-8 text file, relative to /workspace, making folders as needed.',
      inputSchema: z.object({ file_path: path, content: z.string() }),
      run: async ({ file_path, content }, context) =>
        `wrote ${await files<number>(context, 'write', { path: file_path, content })} bytes to ${file_path}`,
    }),
    betaZodTool({
      name: 'edit',
      description: 'Replace old_string by new_string in a file. old_string must be unique unless replace_all.',
      inputSchema: z.object({
        file_path: path,
        old_string: z.string().min(1, 'Say what is to be replaced.'),
        new_string: z.string(),
        replace_all: z.boolean().optional(),
      }),
      run: async (input, context) => {
        const { file_path, old_string: before, new_string: after, replace_all: all } = input
        const count = await files<number>(context, 'edit', { path: file_path, before, after, all })
        return `edited ${file_path} (${count} replacement${count === 1 ? '' : 's'})`
      },
    }),
    betaZodTool({
      name: 'glob',
      description: 'Find files by a glob pattern below /workspace or a folder, newest first.',
      inputSchema: z.object({ pattern: z.string().min(1), path: z.string().optional() }),
      run: async (input, context) => lines(await files<string[]>(context, 'glob', input)),
    }),
    betaZodTool({
      name: 'grep',
      description: 'Search file contents for a regular expression (JavaScript syntax) below /workspace or a folder.',
      inputSchema: z.object({ pattern: z.string().min(1), path: z.string().optional() }),
      run: async (input, context) => lines(await files<string[]>(context, 'grep', input)),
    }),
  ]
}

function bashTool(session: SessionSandbox): BetaRunnableTool {
  return betaZodTool({
    name: 'bash',
    description: 'Run a bash command in a persistent shell: working directory and variables last from call to call.',
    inputSchema: z.object({
      command: z.string().optional(),
      restart: z.boolean().optional().describe('End the shell and everything it started first'),
      timeout_ms: z.int().min(1).optional().describe('How long the command may take'),
    }),
    run: async ({ command, restart, timeout_ms }, context) =>
      await refusable(async () => {
        const { shell, tools } = await session.use()
        if (restart) await shell.restart()
        if (!command) {
          if (restart) return 'bash was restarted'
          throw new ToolError('Name a command.')
        }
        const timeoutMs = Math.min(timeout_ms ?? tools.commandMsDefault, tools.commandMsMax)
        const outcome = await shell.run(command, { timeoutMs, signal: context?.signal ?? undefined })
        if (outcome.code === 0 && !outcome.ended) return outcome.output || '(no output)'
        throw new ToolError(explain(outcome, timeoutMs))
      }),
  })
}

function explain({ output, code, ended, lost, shellEnded }: ShellOutcome, timeoutMs: number): string {
  const fresh = 'The next command starts a new shell in /workspace.'
  const notes = {
    timeout: `The command took longer than ${timeoutMs / 1000} s. It and everything the shell had started were ended. ${fresh}`,
    output: `The command wrote too much. It and everything the shell had started were ended. ${fresh}`,
    aborted: 'The command was stopped.',
  }
  const note = ended
    ? notes[ended]
    : lost
      ? `${lost} Files in /workspace are kept. ${fresh}`
      : shellEnded
        ? `The shell ended with exit code ${code}. ${fresh}`
        : `Exit code ${code}.`
  return output ? `${output}\n${note}` : note
}

function lines(found: readonly string[]): string {
  return found.length ? found.join('\n') : 'no matches'
}

/** What the product refuses is told to the model in its own words; anything else is a failure of ours and ends as one. */
async function refusable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof DomainError) throw new ToolError(error.message)
    throw error
  }
}
