import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type { SandboxLimits } from '../driver.ts'
import { hostEnvironment } from '../host-programs.ts'
import { insidePaths } from './base.ts'
import { bwrapArguments } from './arguments.ts'
import type { Workspace } from './workspaces.ts'

export type Launched = { child: ChildProcess; stdin: Writable; stdout: Readable; stderr: Readable; status: Readable }

type LaunchOptions = {
  id: string
  label: string
  base: { folder: string; filter: string }
  workspace: Workspace
  limits: SandboxLimits
  /** A folder that is shown inside, read-only. */
  programFolder: string | null
  joinFiles: readonly string[]
  /** As root: an empty place to make files reachable for the sandbox's own user, in a private mount namespace. */
  stage: string | null
  scratchFolder: string
}

/** Names the installation and the sandbox in the environment of the first process: how leftovers are found after a crash. */
export const labelVariable = 'WHEELHOUSE_SANDBOX'

// Joins the control groups and takes the limits while it still may, then becomes the sandbox. Limits for one user's processes are taken
// inside instead, where they count the sandbox alone.
const launchScript = `set -eu
while [ "$1" != -- ]; do echo $$ > "$1"; shift; done; shift
echo 300 > /proc/self/oom_score_adj
ulimit -c 0; ulimit -n "$1"; ulimit -f "$2"; shift 2
exec "$@"`

// In a mount namespace of its own: its mounts, and a mounted volume, end with the sandbox and are never seen on the host.
const stageScript = `set -eu
stage=$1 base=$2 node=$3 kind=$4 workspace=$5 user=$6 label=$7 program=$8; shift 8
mount -t tmpfs -o mode=0755,size=64k,nosuid,nodev wheelhouse "$stage"
mkdir "$stage/base" "$stage/workspace"; : > "$stage/node"
mount --bind "$base" "$stage/base"
mount --bind "$node" "$stage/node"
if [ -n "$program" ]; then mkdir "$stage/program"; mount --bind "$program" "$stage/program"; fi
if [ "$kind" = volume ]
then mount -t ext4 -o loop,nosuid,nodev,noatime,discard "$workspace" "$stage/workspace"; rmdir "$stage/workspace/lost+found" 2>&- || :
else mount --bind "$workspace" "$stage/workspace"
fi
exec env -i "$label" setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --inh-caps=-all -- "$@"`

/** Starts bwrap with the supervisor in it. Standard input and output carry the frames; the fourth pipe is bwrap's own status. */
export async function launch(options: LaunchOptions): Promise<Launched> {
  const { workspace, stage, base, programFolder } = options
  const sources = stage
    ? {
        base: `${stage}/base`,
        node: `${stage}/node`,
        workspace: `${stage}/workspace`,
        program: programFolder && `${stage}/program`,
      }
    : { base: base.folder, node: process.execPath, workspace: workspace.path, program: programFolder }
  const label = `${labelVariable}=${options.label}:${options.id}`
  // The arguments go by file, so that the process list inside and outside shows no host path.
  const bwrap = ['bwrap', '--args', '3', '--seccomp', '4', '--json-status-fd', '5', '--']
  const command = [...bwrap, insidePaths.node, '--disable-sigusr1', `${insidePaths.programs}/supervisor.mjs`]
  const staged = stage
    ? ['unshare', '--mount', '--propagation', 'private', '/bin/bash', '-c', stageScript, 'stage']
        .concat([
          stage,
          base.folder,
          process.execPath,
          workspace.kind,
          workspace.path,
          String(workspace.uid),
          label,
          programFolder ?? '',
        ])
        .concat(command)
    : ['env', '-i', label, ...command]
  const limits = [String(options.limits.openFiles), String(Math.ceil(options.limits.fileBytes / 1024))]
  const argumentsFile = openArguments(join(options.scratchFolder, `${options.id}.arguments`), [
    ...bwrapArguments(sources, options.limits),
  ])
  const filter = await open(base.filter)
  try {
    const child = spawn('/bin/bash', ['-c', launchScript, 'launch', ...options.joinFiles, '--', ...limits, ...staged], {
      cwd: '/',
      env: hostEnvironment,
      stdio: ['pipe', 'pipe', 'pipe', argumentsFile, filter.fd, 'pipe'],
    })
    const pipes = child.stdio as unknown as (Readable & Writable)[]
    return { child, stdin: pipes[0]!, stdout: pipes[1]!, stderr: pipes[2]!, status: pipes[5]! }
  } finally {
    closeSync(argumentsFile)
    await filter.close()
    await rm(join(options.scratchFolder, `${options.id}.arguments`), { force: true })
  }
}

/** A file of NUL-ended arguments, open for reading from its beginning. */
function openArguments(path: string, values: readonly string[]): number {
  const writing = openSync(path, 'wx', 0o600)
  writeSync(writing, values.map((value) => `${value}\0`).join(''))
  closeSync(writing)
  return openSync(path, 'r')
}
