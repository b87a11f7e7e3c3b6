/** What is used of npm's own library, which brings no types. */
declare module '@npmcli/arborist' {
  type Tree = { meta: { commit(): unknown } }

  export class Arborist {
    constructor(options: {
      path: string
      registry: string
      [authToken: `//${string}:_authToken`]: string
      cache: string
      replaceRegistryHost: 'always'
      ignoreScripts: true
      binLinks: false
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
    reify(): Promise<unknown>
  }
}
