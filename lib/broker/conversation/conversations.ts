import type { Ctx } from '#lib/auth/ctx.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type { Log } from '#lib/log/log.ts'
import { Sessions } from '../endpoint/sessions.ts'
import { TaskWaits } from '../tasks/counted-requests.ts'
import { TaskAsks } from '../tasks/task-asks.ts'
import { TaskBook } from '../tasks/task-book.ts'
import { TaskIds } from '../tasks/task-ids.ts'
import { TaskListeners } from '../tasks/task-listeners.ts'
import { TaskWatches } from '../tasks/task-watches.ts'
import { HandoverRows } from './handover-rows.ts'
import { Handovers } from './handovers.ts'
import { HeldStreams } from './held-streams.ts'
import { QuestionRows } from './question-rows.ts'
import { Questions } from './questions.ts'
import { ServerSessions } from './server-sessions.ts'
import { SessionSettings } from './session-settings.ts'
import { AgentStreams } from './streams.ts'
import { UpstreamListeners } from './upstream-listeners.ts'
import { SuspendedCalls } from './suspended-calls.ts'

/** What a broker knows of exchanges that are longer than one request. */
export class Conversations {
  readonly settings: SessionSettings
  readonly sessions: Sessions
  readonly serverSessions: ServerSessions
  readonly tasks: TaskIds
  readonly taskBook: TaskBook
  readonly taskAsks: TaskAsks
  readonly taskListeners = new TaskListeners()
  readonly taskWatches = new TaskWatches()
  readonly questions: Questions
  readonly suspended = new SuspendedCalls()
  readonly handovers: Handovers
  readonly streams = new AgentStreams()
  readonly heldStreams: HeldStreams
  readonly listeners = new UpstreamListeners()
  readonly taskWaits = new TaskWaits()

  constructor(box: SecretBox, { ctx, log, askDeadlineMs }: { ctx: () => Ctx; log: Log; askDeadlineMs: number }) {
    this.settings = new SessionSettings({ ctx, log, onEnded: ({ name }) => this.sessions.end(name) })
    this.sessions = new Sessions(box, this.settings)
    this.serverSessions = new ServerSessions(ctx)
    this.heldStreams = new HeldStreams(ctx)
    this.tasks = new TaskIds(box)
    this.taskBook = new TaskBook(ctx, box)
    this.taskAsks = new TaskAsks(ctx, box)
    const handed = { rows: new HandoverRows({ ctx, box }), suspended: this.suspended }
    this.handovers = new Handovers({ ...handed, log, longestMs: askDeadlineMs })
    this.questions = new Questions({ rows: new QuestionRows({ ctx, box, log }), log, askDeadlineMs })
  }

  /** Another replica has something for whoever waits here; `payload` says what, and is empty when anything may have been missed. */
  nudge(payload: string): void {
    const [kind = '', id = ''] = payload.split(':')
    if (kind === '' || kind === 'answer') this.questions.nudge(id)
    if (kind === '' || kind === 'call' || kind === 'handed') this.handovers.nudge(kind, id)
    if (kind === '' || kind === 'session') this.settings.nudge(id)
    if (kind === 'stream') this.heldStreams.nudge(id)
  }

  async stop(): Promise<void> {
    this.settings.stop()
    this.handovers.stop()
    this.taskListeners.stop()
    await this.taskBook.stop()
  }
}
