import { Field } from '#components/ui/field.tsx'
import { Select } from '#components/ui/input.tsx'

export type Team = { id: string; name: string }
type Props = { teams: readonly Team[]; value: string; onChange: (teamId: string) => void }

/** Whose a credential is; empty: the server's own. */
export function CredentialTeam({ teams, value, onChange }: Props) {
  return (
    <Field label="For" hint="A team’s own is used for its agents, the server’s for all others.">
      <Select value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">every team without its own</option>
        {teams.map((team) => (
          <option key={team.id} value={team.id}>
            {team.name}
          </option>
        ))}
      </Select>
    </Field>
  )
}
