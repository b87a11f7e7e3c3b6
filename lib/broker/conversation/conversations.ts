import { Sessions } from '../endpoint/sessions.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import { TaskBook } from '../tasks/task-book.ts'
import { TaskIds } from '../tasks/task-ids.ts'
import { Questions } from './questions.ts'
import { AgentStreams } from './streams.ts'
import { SuspendedCalls } from './suspended-calls.ts'

/** What a broker knows of exchanges that are longer than one request. */
export class Conversations {
  readonly sessions: Sessions
  readonly tasks: TaskIds
  readonly taskBook: TaskBook
  readonly questions = new Questions()
  readonly suspended = new SuspendedCalls()
  readonly streams = new AgentStreams()

  constructor(box: SecretBox, ctx: () => Ctx) {
    this.sessions = new Sessions(box)
    this.tasks = new TaskIds(box)
    this.taskBook = new TaskBook(ctx)
  }
}
