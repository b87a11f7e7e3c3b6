/** What is used of npm's own library, which brings no types. */
declare module '@npmcli/arborist' {
  type Node = { package: { name?: string; version?: string; bin?: Record<string, string> } }
  type Tree = { meta: { commit(): unknown }; children: ReadonlyMap<string, Node> }

  export class Arborist {
    constructor(options: {
      path: string
      registry: string
      cache: string
      replaceRegistryHost: 'always'
      ignoreScripts: true
      allowGit: 'none'
      allowRemote: 'none'
      allowFile: 'none'
      allowDirectory: 'none'
      omit: readonly string[]
      umask: number
      fetchRetries: number
      fetchTimeout: number
      audit: false
      fund: false
    })
    buildIdealTree(): Promise<Tree>
    reify(): Promise<Tree>
  }
}
