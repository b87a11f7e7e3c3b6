import type { Anthropic } from '@anthropic-ai/sdk'
import type { SandboxTool } from '../agents/schema.ts'

type Definition = { description: string; inputSchema: Anthropic.Tool.InputSchema }

const text = (description: string) => ({ type: 'string', description })

/** What the model is told about the built-in tools; the inputs are those of the SDK's `agent_toolset_20260401`. */
const definitions: Record<SandboxTool, Definition> = {
  bash: {
    description:
      'Runs a command in a bash shell inside the sandbox. The shell keeps its working directory and variables between calls.',
    inputSchema: {
      type: 'object',
      properties: {
        command: text('The command to run. Leave it out only to restart the shell.'),
        restart: { type: 'boolean', description: 'Start a fresh shell instead of running a command.' },
        timeout_ms: { type: 'integer', description: 'How long this call may take, in milliseconds.' },
      },
    },
  },
  read: {
    description: 'Reads a text file of the sandbox, whole or a range of lines.',
    inputSchema: {
      type: 'object',
      properties: {
        file_path: text('The file, relative to the working directory.'),
        view_range: {
          type: 'array',
          items: { type: 'integer' },
          description: 'First and last line, counted from 1; a last line of 0 or less means to the end.',
        },
      },
      required: ['file_path'],
    },
  },
  write: {
    description: 'Writes a text file of the sandbox, replacing what was there.',
    inputSchema: {
      type: 'object',
      properties: {
        file_path: text('The file, relative to the working directory.'),
        content: text('The whole content.'),
      },
      required: ['file_path', 'content'],
    },
  },
  edit: {
    description:
      'Replaces a piece of text in a file of the sandbox. It must occur exactly once unless replace_all is set.',
    inputSchema: {
      type: 'object',
      properties: {
        file_path: text('The file, relative to the working directory.'),
        old_string: text('The text to replace.'),
        new_string: text('What to put in its place.'),
        replace_all: { type: 'boolean', description: 'Replace every occurrence.' },
      },
      required: ['file_path', 'old_string', 'new_string'],
    },
  },
  glob: {
    description: 'Finds files of the sandbox by a pattern such as **/*.csv, newest first.',
    inputSchema: {
      type: 'object',
      properties: { pattern: text('The pattern.'), path: text('Where to search; the working directory by default.') },
      required: ['pattern'],
    },
  },
  grep: {
    description: 'Searches the contents of files of the sandbox for a regular expression.',
    inputSchema: {
      type: 'object',
      properties: {
        pattern: text('The expression.'),
        path: text('Where to search; the working directory by default.'),
      },
      required: ['pattern'],
    },
  },
}

export function builtInTool(name: SandboxTool): Definition {
  return definitions[name]
}
