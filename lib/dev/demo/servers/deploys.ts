import { configurationOf, type Deploy, type DeployLog } from '../deploy-log.ts'
import { pageOf } from '../paging.ts'
import { type Handlers, ToolRefusal } from '../tool.ts'
import type { deploysTools } from '../tools/deploys.ts'

/** The deploy log: every answer is read from the git repository, and every write is a commit. */
export function deploysHandlers(options: {
  log: () => Promise<DeployLog>
  now: () => Date
}): Handlers<typeof deploysTools> {
  async function find(id: string): Promise<{ log: DeployLog; deploys: Deploy[]; deploy: Deploy }> {
    const log = await options.log()
    const deploys = await log.list()
    const deploy = deploys.find((candidate) => candidate.id === id)
    if (!deploy) throw new ToolRefusal(`There is no deploy ${id}.`)
    return { log, deploys, deploy }
  }

  return {
    async list_deploys({ service, environment, since, ...page }) {
      const log = await options.log()
      const rows = (await log.list())
        .filter((row) => service === undefined || row.service === service)
        .filter((row) => environment === undefined || row.environment === environment)
        .filter((row) => since === undefined || Date.parse(row.deployed_at) >= Date.parse(since))
      const { rows: deploys, ...rest } = pageOf(rows, page)
      return { deploys, ...rest }
    },
    async get_deploy({ deploy_id }) {
      const { log, deploy } = await find(deploy_id)
      return { deploy, configuration: (await log.configuration(deploy.id, deploy.service)) ?? '' }
    },
    async diff_deploys({ from_deploy_id, to_deploy_id, service }) {
      const { log, deploys } = await find(from_deploy_id)
      const older = deploys.findIndex((row) => row.id === from_deploy_id)
      const newer = deploys.findIndex((row) => row.id === to_deploy_id)
      if (newer < 0) throw new ToolRefusal(`There is no deploy ${to_deploy_id}.`)
      if (newer > older) throw new ToolRefusal('from_deploy_id must be the older one of the two.')
      return {
        diff: await log.diff(from_deploy_id, to_deploy_id, service),
        deploys: deploys.slice(newer, older).filter((row) => row.service === service),
      }
    },
    async record_deploy({ replicas, ...record }) {
      const log = await options.log()
      const configuration = configurationOf({ ...record, replicas, flags: {} })
      const deployed_at = options.now().toISOString()
      return { deploy: await log.append({ ...record, kind: 'deploy', deployed_at, configuration }) }
    },
    async rollback({ deploy_id, reason }) {
      const { log, deploy } = await find(deploy_id)
      const configuration = await log.configuration(deploy.id, deploy.service)
      if (configuration === null) throw new ToolRefusal(`${deploy_id} has no configuration to go back to.`)
      const { service, version, environment } = deploy
      const changes = [{ type: 'internal' as const, text: `Rolled back: ${reason}`, ticket: null }]
      const deployed_at = options.now().toISOString()
      return {
        deploy: await log.append({
          kind: 'rollback',
          service,
          version,
          environment,
          deployed_by: 'agent',
          deployed_at,
          changes,
          configuration,
        }),
      }
    },
  }
}
