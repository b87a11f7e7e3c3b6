import { Command, CommanderError } from 'commander'
import type { Setup } from './cli.ts'
import { addAccountCommands } from './commands/account.ts'
import { addNotificationsCommands } from './commands/notifications.ts'
import { addPeopleCommands } from './commands/ownership.ts'
import { checkValues } from './commands/numbers.ts'
import { addAgentsCommands } from './commands/agents.ts'
import { addApprovalsCommands } from './commands/approvals.ts'
import { addGitOpsCommands } from './commands/apply.ts'
import { addAuditCommands } from './commands/audit.ts'
import { addDecisionsCommands } from './commands/decisions.ts'
import { addDelegationsCommands } from './commands/delegations.ts'
import { addEscalationsCommands } from './commands/escalations.ts'
import { addFleetCommands } from './commands/fleet.ts'
import { addInboxCommands } from './commands/inbox.ts'
import { addKeyCommands } from './commands/keys.ts'
import { addRegistryCommands } from './commands/registry.ts'
import { addRunsCommands } from './commands/runs.ts'
import { addApprovalPolicyCommands } from './commands/approval-policy.ts'
import { addPolicySetCommands } from './commands/policy-sets.ts'
import { addBreakGlassCommands } from './commands/break-glass.ts'
import { addReviewCommands } from './commands/reviews.ts'
import { addScopesCommands } from './commands/scopes.ts'
import { addStopCommands } from './commands/stops.ts'
import { addUnregisteredCommands } from './commands/unregistered.ts'
import { addViewsCommands } from './commands/views.ts'
import { addWebhooksCommands } from './commands/webhooks.ts'
import { ApiRefusal, exitCodes, Failed, problemLines, Unreachable, UsageError } from './errors.ts'
import { plain } from './text.ts'
import manifest from '../../../package.json' with { type: 'json' }

const about = `Steer the organization's agents from the command line: a thin client of the REST API.

On the machine that runs Wheelhouse it works at once, with the admin token in the data folder. Elsewhere sign in first.`

const environment = `
Environment:
  WHEELHOUSE_URL    address of the portal
  WHEELHOUSE_TOKEN  personal access token
  WHEELHOUSE_HOME   data folder of the installation on this machine

Exit codes:
  0 done   1 refused or failed   2 used wrongly   3 the portal cannot be reached
  4 the registry differs from the files (diff)
`

/** The whole command tree; nothing is read or sent before a verb runs. */
export function createProgram(setup: Setup): Command {
  const { terminal } = setup
  const program = new Command('wheelhouse')
    .description(about)
    .version(manifest.version, '-V, --version', 'print the version')
    .option('--json', 'print the answer as JSON')
    .option('--url <address>', 'address of the portal')
    .option('--etag', 'print only the tag that --if-match takes, of what is shown')
    .option('--if-match <tag>', 'write only if nobody has since this tag (… show --etag)')
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false, showGlobalOptions: true, subcommandTerm: (command) => command.name() })
    .configureOutput({
      writeErr: (text) => terminal.err(plain(text.trimEnd())),
      ...(terminal.width === null ? {} : { getOutHelpWidth: () => terminal.width ?? 100 }),
    })
    .addHelpText('after', environment)
  checkValues(program)
  addAgentsCommands(program, setup)
  addGitOpsCommands(program, setup)
  addUnregisteredCommands(program, setup)
  addRunsCommands(program, setup)
  addScopesCommands(program, setup)
  addBreakGlassCommands(program, setup)
  addApprovalPolicyCommands(program, setup)
  addPolicySetCommands(program, setup)
  addReviewCommands(program, setup)
  addApprovalsCommands(program, setup)
  addStopCommands(program, setup)
  addViewsCommands(program, setup)
  addEscalationsCommands(program, setup)
  addDecisionsCommands(program, setup)
  addDelegationsCommands(program, setup)
  addInboxCommands(program, setup)
  addNotificationsCommands(program, setup)
  addFleetCommands(program, setup)
  addAuditCommands(program, setup)
  addRegistryCommands(program, setup)
  addKeyCommands(program, setup)
  addAccountCommands(program, setup)
  addPeopleCommands(program, setup)
  addWebhooksCommands(program, setup)
  return program
}

/** Runs one command line; never throws. Returns the exit code; what went wrong is on standard error. */
export async function runProgram(setup: Setup, args: readonly string[]): Promise<number> {
  const program = createProgram(setup)
  try {
    await program.parseAsync(args, { from: 'user' })
    return typeof process.exitCode === 'number' ? process.exitCode : exitCodes.ok
  } catch (error) {
    // commander has printed its own message already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    return tell(setup, error, program.opts<{ json?: boolean }>().json ?? false)
  }
}

function tell({ terminal }: Setup, error: unknown, json: boolean): number {
  const code = codeOf(error)
  if (json) {
    const problem = error instanceof ApiRefusal ? { status: error.status, ...error.problem } : {}
    terminal.err(JSON.stringify({ detail: messageOf(error), ...problem, exitCode: code }))
  } else {
    const lines = error instanceof ApiRefusal ? problemLines(error) : [messageOf(error)]
    terminal.err(plain(`wheelhouse: ${lines.join('\n')}`))
  }
  return code
}

function codeOf(error: unknown): number {
  if (error instanceof Unreachable) return exitCodes.unreachable
  return error instanceof UsageError ? exitCodes.usage : exitCodes.failed
}

/** A mistake of ours keeps its stack: somebody has to find it. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const known = [ApiRefusal, Unreachable, UsageError, Failed].some((kind) => error instanceof kind)
  return known ? error.message : (error.stack ?? error.message)
}
